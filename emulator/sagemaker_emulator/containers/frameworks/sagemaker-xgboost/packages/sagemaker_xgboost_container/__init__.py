"""XGBoost's built-in algorithm, under the name of AWS's package, which scripts import.

Of aws/sagemaker-xgboost-container it has what scripts use: `data_utils` and `encoder`.
"""
