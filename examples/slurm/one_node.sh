#!/bin/bash
# A suite on all GPUs of one node. Preempted or out of time, the job is queued again and goes on.
#SBATCH --job-name=raybench
#SBATCH --nodes=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -uo pipefail

SUITE=${SUITE:-aaai21-imagenet}
OUT=${OUT:-runs/$SUITE}
GPUS=${SLURM_GPUS_ON_NODE:-1}

# Slurm sends TERM two minutes before the end: the run stops, and what it measured is on disk
queue_again() {
    kill -TERM "$run" 2>/dev/null
    wait "$run"
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
}
trap queue_again TERM

torchrun --standalone --nproc-per-node="$GPUS" -m raybench run "$SUITE" --out "$OUT" "$@" &
run=$!
wait "$run"
