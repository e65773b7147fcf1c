#!/bin/bash
# One checkpoint per task of an array, each with a result folder of its own; tables read them together:
#   sbatch --array=0-3 examples/slurm/array.sh resnet18 resnet50 vgg16 my-card.yaml
#   raybench table runs/array/*
#SBATCH --job-name=raybench-array
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

SUITE=${SUITE:-aaai21-imagenet}
CHECKPOINTS=("$@")
CHECKPOINT=${CHECKPOINTS[$SLURM_ARRAY_TASK_ID]}
NAME=$(basename "$CHECKPOINT" .yaml)

raybench run "$SUITE" --checkpoint "$CHECKPOINT" --out "runs/array/${NAME//[^A-Za-z0-9_.-]/-}"
