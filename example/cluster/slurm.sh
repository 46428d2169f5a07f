#!/bin/bash
#SBATCH --job-name=digits
#SBATCH --array=1-4
#SBATCH --cpus-per-task=4
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@60

# The 4 is not $SLURM_ARRAY_TASK_COUNT: `sbatch --array=2,3 slurm.sh` makes these two parts of the same four.
digitseq --random_digits 3 8 -s 1000000 --seed 6 --format webdataset -o output/slurm \
    --shards "$SLURM_ARRAY_TASK_ID/4" --resume -m "$SLURM_CPUS_PER_TASK" &
task=$!

# Within 5 s digitseq has written down what is finished, and exits with 143.
stop() {
    kill -TERM "$task"
    wait "$task"
}
trap 'stop; scontrol requeue "$SLURM_JOB_ID"; exit 143' USR1 # the time is nearly over: go on later
trap 'stop; exit 143' TERM                                   # cancelled or preempted
wait "$task"
