#!/usr/bin/env bash
# The main job, as a person would type it: shows each command, then runs it. `make demo [SOURCE=folder or s3:// prefix]`
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

# The name selects this execution, even if somebody starts another one meanwhile.
name=demo-$(date +%Y%m%d-%H%M%S)-$$
run $python pipeline.py upsert
run $python pipeline.py start --name "$name" -p DataSource="$source"
# --yes: another demo's model may serve, and this one may count otherwise, or worse.
run $python pipeline.py approve --yes
run $python pipeline.py endpoint --wait

# An image that the model was not trained on: one of the test split, whose folder is the true count.
image=$($python -m demo.unseen "$name")
count=$(basename "$(dirname "$image")")
record=$source/metadata/$(basename "$image" .jpg).json
if [ -f "$record" ]; then
    run $python pipeline.py predict "$image" --record "$record"
else
    run $python pipeline.py predict "$image" --expected "$count"
fi
run $python pipeline.py report "$name"

cat <<END

${bold}What happened${plain}
  A model was trained, evaluated, approved and deployed to the endpoint ${bold}tally${plain}, all on this machine.
  The photo was not used for training; its bin really holds $count. The demo trains for only about two minutes,
  on few images, so its model is often wrong: the verdict LOOK is then the model's doubt, not the record's error.
  The report shows how often the model is right.

${bold}What to do next${plain}
  python pipeline.py predict IMAGE...      count the items in your own photos
  python pipeline.py models                list the model versions, and which one is serving
  python pipeline.py start -p DataSource=$source -p Seed=1
                                           train again with another split
  python pipeline.py logs Train            show the log of the training
  python pipeline.py emulator console      a link: executions, jobs, models and endpoints in the browser
  python pipeline.py desk                  a link: check bins in the browser, as the warehouse does
  python pipeline.py --help                list all commands
  python pipeline.py emulator down         stop the emulator (its state stays in ${EMULATOR_STATE:-.emulator})
  (first \`source .venv/bin/activate\`, or type .venv/bin/python)
END
