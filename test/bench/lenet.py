"""LeNet-5 in PyTorch, for the bench of training steps: runs what each line of its input names, and answers with the seconds that it took
by the clock, and of CPU time. Its gradients go nowhere, as in the graphs that it is compared with, whose optimiser is not part of them."""

import sys
import time

import torch
from torch import nn

BATCH, THREADS = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(THREADS)
net = nn.Sequential(
    nn.Conv2d(1, 20, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(20, 50, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(800, 500),
    nn.ReLU(),
    nn.Linear(500, 10),
)
images = torch.rand(BATCH, 1, 28, 28)
classes = torch.randint(10, (BATCH,))


def forward():
    with torch.no_grad():
        net(images)


def step():
    net.zero_grad()
    nn.functional.cross_entropy(net(images), classes).backward()


print(f"PyTorch {torch.__version__}", flush=True)
for line in sys.stdin:
    run = {"forward": forward, "step": step}[line.strip()]
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
