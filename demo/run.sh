#!/usr/bin/env bash
# The main job, as a person would type it: each command is shown, then run. `make demo [SOURCE=folder or s3:// prefix]`
set -euo pipefail
cd "$(dirname "$0")/.."
source=${1:-}
python=.venv/bin/python
bold='' plain=''
[ ! -t 1 ] || bold=$'\033[1m' plain=$'\033[0m'

run() { # show a command the way a person types it, then run it
    printf '\n%s$ %s%s\n' "$bold" "${*/#$python/python}" "$plain"
    "$@"
}

if [ -z "$source" ]; then
    source=.tally/bins
    [ -e "$source/README.txt" ] || run $python -m demo.bins --output "$source"
fi

# By its name, that execution is reported on, whoever starts another meanwhile.
name=demo-$(date +%Y%m%d-%H%M%S)-$$
run $python pipeline.py upsert
run $python pipeline.py start --name "$name" -p DataSource="$source"
run $python pipeline.py approve
run $python pipeline.py endpoint --wait

# An image the model never saw in training: the first of the test split, whose folder is the true count.
image=$($python -m demo.unseen "$name")
run $python pipeline.py predict "$image" --expected "$(basename "$(dirname "$image")")"
run $python pipeline.py report "$name"

cat <<END

${bold}To go on${plain}
  python pipeline.py predict IMAGE...      ask about your own photos
  python pipeline.py models                the model versions, and which one is serving
  python pipeline.py start -p DataSource=$source -p Seed=1
                                           train again on another split
  python pipeline.py logs Train            what the training printed
  python pipeline.py --help                every verb
  python pipeline.py emulator down         stop the local SageMaker (its state stays in ${EMULATOR_STATE:-.emulator})
  (\`source .venv/bin/activate\` first, or write .venv/bin/python)
END
