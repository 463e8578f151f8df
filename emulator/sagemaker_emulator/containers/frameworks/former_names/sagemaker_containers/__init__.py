"""The former name of AWS's toolkits, which scripts of 2018 to 2020 import.

AWS's scikit-learn and XGBoost images still hold sagemaker-containers 2.8.6, patched; it needs
protobuf 3.20 and so cannot stand beside sagemaker-training 5. That is the same code under its
later name, and so is what the modules here give.
"""
