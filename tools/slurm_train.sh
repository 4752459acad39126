#!/usr/bin/env bash
# Train a config on a Slurm cluster, one process a GPU:
#
#   tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of tools/train.py]
#
# WORK_DIR lies on a disk that all nodes share. Further settings:
#   GPUS           of the whole job (default: 8)
#   GPUS_PER_NODE  (default: 8, or GPUS where that is less)
#   CPUS_PER_TASK  for loading clips (default: 5)
#   PORT           a free port of the first node (default: one drawn at random)
#   SRUN_ARGS      more arguments for srun, such as '--time=24:00:00'
#
# Two minutes before the time is over, Slurm sends SIGUSR1: the run writes a checkpoint and ends with
# status 0. The same command with --resume goes on from there.
set -euo pipefail

if (($# < 4)); then
    sed -n '2,/^set/{/^set/d; s/^# \{0,1\}//; p}' "$0" >&2
    exit 2
fi
partition=$1 job=$2 config=$3 work_dir=$4
shift 4
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
export MASTER_PORT=${PORT:-$((20000 + RANDOM % 12000))}
read -ra more <<<"${SRUN_ARGS:-}"
# --kill-on-bad-exit: where one process ends with an error, the others end too.
exec srun --partition="$partition" --job-name="$job" \
    --ntasks="$gpus" --ntasks-per-node="$per_node" --gres="gpu:$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 --signal=USR1@120 \
    ${more[@]+"${more[@]}"} \
    python -u "$(dirname "$0")/train.py" "$config" --work-dir "$work_dir" --launcher slurm "$@"
