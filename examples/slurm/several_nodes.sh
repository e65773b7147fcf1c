#!/bin/bash
# One run over all GPUs of several machines: sbatch examples/slurm/several_nodes.sh
#SBATCH --job-name=raybench
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=32
#SBATCH --time=08:00:00
#SBATCH --output=logs/%x-%j.txt
#SBATCH --requeue
set -euo pipefail

export RAYBENCH_DATA=${RAYBENCH_DATA:-/data}
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# --out lies on a disk that all machines share
srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node=4 \
  --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="$first:29500" \
  -m raybench run aaai21-imagenet --out runs/imagenet
