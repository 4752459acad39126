#!/usr/bin/env bash
# Time salkit on a GPU: prediction and training of the full model part by part, the tests that skip
# without CUDA, and `salkit predict` from a video to its overlay. Under 8 minutes on an H100.
#
#     benchmarks/gpu.sh [FOLDER]      default: work_dirs/gpu_benchmark; FOLDER/gpu.json has everything
#
# Needs the repository, and salkit in the environment or a pip that can install it. What does not
# end in its time, or would begin too late, is noted in the JSON and the rest goes on. MODEL, DEVICE
# and LIMIT (seconds) in the environment change what is run: MODEL=demo/umt-tiny_cc-kl DEVICE=cpu.
set -uo pipefail
out=$(realpath -m "${1:-work_dirs/gpu_benchmark}")
cd "$(dirname "$0")/.."
model=${MODEL:-salfom/umt-l16_cc-kl} device=${DEVICE:-cuda:0} limit=${LIMIT:-450}
python=${PYTHON:-python3}
mkdir -p "$out"
rm -f "$out"/*.json "$out"/*.log "$out"/*.status
"$python" -c 'import salkit.engine, salkit.inference.benchmark, pytest' 2>"$out/import.log" ||
    "$python" -m pip install --quiet -e . pytest hypothesis || exit 2
SECONDS=0

# step NAME LIMIT COMMAND...: its output to NAME.log, its status and seconds to NAME.status.
step() {
    local name=$1 seconds=$2 left=$((limit - SECONDS)) begin=$SECONDS
    shift 2
    if ((left < 15)); then
        echo "no time left" >"$out/$name.status"
        return
    fi
    timeout -k 5 $((seconds < left ? seconds : left)) "$@" >"$out/$name.log" 2>&1
    echo "$? $((SECONDS - begin))" >"$out/$name.status"
    echo "$name: status and seconds $(cat "$out/$name.status")"
}
benchmark() {
    local name=$1 seconds=$2
    shift 2
    step "$name" "$seconds" "$python" -m salkit benchmark "$@" --device "$device" --seconds 2 \
        --json "$out/$name.json"
}

for batch in 4 1 8; do
    benchmark "infer_bf16_$batch" 60 infer "$model" --precision bf16 --batch $batch --baseline
done
benchmark infer_exact_1 60 infer "$model" --precision exact --baseline
benchmark infer_fast_8 60 infer "$model" --precision fast --batch 8 --baseline
for batch in 4 1; do
    for checkpointing in off on; do
        benchmark "train_bf16_${batch}_$checkpointing" 60 train "$model" --precision bf16 \
            --batch $batch --checkpointing $checkpointing --size 224x224
    done
done
mapfile -t tests < <(grep -rl 'not torch.cuda.is_available()' tests --include='test_*.py')
step pytest 60 "$python" -m pytest -q "${tests[@]}" -k "gpu or cuda"
step weights 60 "$python" - "$model" "$out" <<'PYTHON'
import sys
from pathlib import Path

sys.path.insert(0, 'benchmarks')
from video_reading import write_video

import salkit
from salkit.checkpoints import write_checkpoint

folder = Path(sys.argv[2])
write_video(folder / 'clip.mp4', 90, (360, 640))
write_checkpoint(dict(state_dict=salkit.build_model(sys.argv[1]).state_dict()), folder / 'random.pth')
PYTHON
step predict 60 "$python" -m salkit predict "$out/clip.mp4" --model "$model" --checkpoint \
    "$out/random.pth" --device "$device" --precision bf16 --overlay --out "$out/predicted" --force
# The longest comes last: the first pass compiles.
benchmark infer_bf16_4_compiled 150 infer "$model" --precision bf16 --batch 4 --baseline \
    --compile
rm -f "$out/random.pth"

"$python" - "$out" <<'PYTHON'
import json
import sys
from pathlib import Path

folder, found = Path(sys.argv[1]), {}
for file in sorted(folder.glob('*.status')):
    status, _, seconds = file.read_text().strip().partition(' ')
    log = file.with_suffix('.log')
    one = dict(status=status, seconds=seconds)
    if not status.isdigit():
        one = dict(status=file.read_text().strip())
    if log.exists():
        one['log'] = log.read_text(errors='replace').strip().splitlines()[-15:]
    written = file.with_suffix('.json')
    if written.exists():
        one['found'] = json.loads(written.read_text())
    found[file.stem] = one
(folder / 'gpu.json').write_text(json.dumps(found, indent=1) + '\n')
print(folder / 'gpu.json')
sys.exit(any(one['status'] != '0' for one in found.values()))
PYTHON
