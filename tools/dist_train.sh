#!/usr/bin/env bash
# Train a config in several processes, one a GPU (without GPUs, on the cores):
#
#   tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# GPUS are those of this machine. On several machines, run it once on each with
#   NNODES       how many machines there are (default: 1)
#   NODE_RANK    which one this is, from 0 (default: 0)
#   MASTER_ADDR  the address of machine 0 (default: 127.0.0.1)
#   PORT         a free port of machine 0 (default: 29500; on one machine, any that is free)
set -euo pipefail

if (($# < 2)); then
    sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "$0" >&2
    exit 2
fi
config=$1 gpus=$2
shift 2
if ((${NNODES:-1} == 1)) && [[ -z ${PORT:-} ]]; then
    meeting=(--standalone)
else
    meeting=(
        --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}"
        --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}"
    )
fi
exec python -m torch.distributed.run "${meeting[@]}" --nproc-per-node "$gpus" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
