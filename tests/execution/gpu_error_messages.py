"""Common errors that need a GPU or a package that is not installed, as their libraries write them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """An error that needs a GPU or a package that is not installed, as its library writes it."""

    name: str
    text: str
    says: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


_ASYNCHRONOUS = (
    "CUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might "
    "be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
    "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."
)
TEXTS = [
    Text(
        "device-side assertion",
        f"torch.AcceleratorError: CUDA error: device-side assert triggered\n{_ASYNCHRONOUS}",
        (
            "AcceleratorError: CUDA error: device-side assert triggered",
            "might be asynchronously reported at some other API call",
            "Loss.cu:250: Assertion `t >= 0 && t < n_classes` failed.",
        ),
    ),
    Text(
        "illegal access",
        f"RuntimeError: CUDA error: an illegal memory access was encountered\n{_ASYNCHRONOUS}",
        ("CUDA error: an illegal memory access was encountered",),
    ),
    Text(
        "two devices",
        "RuntimeError: Expected all tensors to be on the same device, but found at least two "
        "devices, cuda:0 and "
        "cpu! (when checking argument for argument mat1 in method wrapper_CUDA_addmm)",
        ("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",),
    ),
    Text(
        "type of the weights",
        "RuntimeError: Input type (torch.cuda.FloatTensor) and weight type "
        "(torch.FloatTensor) should be the same",
        ("Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same",),
    ),
    Text(
        "memory of the GPU",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
        "total capacity of "
        "79.25 GiB of which 512.00 MiB is free. Including non-PyTorch memory, this process "
        "has 78.70 GiB memory "
        "in use.",
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
            "GPU 0 has a total capacity of 79.25 GiB",
        ),
    ),
    Text(
        "no kernel",
        f"RuntimeError: CUDA error: no kernel image is available for execution on the "
        f"device\n{_ASYNCHRONOUS}",
        ("CUDA error: no kernel image is available for execution on the device",),
    ),
    Text(
        "cuBLAS",
        "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",),
    ),
    Text(
        "numpy of a GPU tensor",
        "TypeError: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to "
        "copy the tensor to host "
        "memory first.",
        (
            "convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
            "host memory first",
        ),
    ),
    Text(
        "half on a CPU",
        "RuntimeError: \"addmm_impl_cpu_\" not implemented for 'Half'",
        ("not implemented for 'Half'",),
    ),
    Text(
        "negative loss target",
        "RuntimeError: all elements of input should be between 0 and 1",
        ("all elements of input should be between",),
    ),
    Text(
        "hub is offline",
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and "
        "couldn't find them in the "
        "cached files.\nCheck your internet connection or see how to run the library in offline mode.",
        ("connect to", "to load the files"),
    ),
    Text(
        "tokenizer",
        "ValueError: Asking to pad but the tokenizer does not have a padding token. Please "
        "select a token to use "
        "as `pad_token` `(tokenizer.pad_token = tokenizer.eos_token e.g.)`",
        ("pad but the tokenizer does not have a padding token",),
    ),
    Text(
        "worker",
        "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed.",
        ("DataLoader worker", "is killed by signal: Killed"),
    ),
]
