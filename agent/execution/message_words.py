"""Words and numbers that are usual in error messages of compiled code, whose literals nobody can read.

Messages of Python sources are looked up there (`agent.execution.library_text`).
"""

import re

# Words of the messages of Python, numpy, pandas, torch, CUDA, PIL and the usual boosting libraries.
COMMON_WORDS = frozenset(
    """
    a access addmm_cuda_kernel after all allocate allocated allocation allocator along already also
    ambiguous an and any API are argument arguments array arrays as assert assertion assertions
    asynchronously at aten attempted attribute attributes available axis backend backward base be because
    been before below bfloat16 BFloat16Tensor bias bool boolean both bound boundary bounds broadcast
    broadcastable buffer bug but by bytes ByteTensor c cache cached call callable called calling can
    cannot capability capacities capacity cast cause channel channels char check checking circular class
    close closed code coerce column columns compatible compile compiled compressed computation compute
    concat concatenation connect connection consider constructor contain contains contiguous conv conv1d
    conv2d conv3d convert copy corresponding could couldn CPU cpu create CUBLAS CUBLAS_STATUS_ALLOC_FAILED
    CUBLAS_STATUS_EXECUTION_FAILED CUBLAS_STATUS_INVALID_VALUE CUBLAS_STATUS_NOT_INITIALIZED
    CUBLAS_STATUS_NOT_SUPPORTED cublasCreate cublasSgemm CUDA cuda CUDA_LAUNCH_BLOCKING cuDNN
    CUDNN_STATUS_BAD_PARAM CUDNN_STATUS_EXECUTION_FAILED CUDNN_STATUS_INTERNAL_ERROR
    CUDNN_STATUS_MAPPING_ERROR CUDNN_STATUS_NOT_INITIALIZED CUDNN_STATUS_NOT_SUPPORTED current currently
    Data data DataFrame DataLoader debugging decode decoder decoding default defined delimiter depth
    destination detach detected device devices dict did differ different differs dim dimension dimensional
    dimensions directory disconnected divisible division do does doesn DoubleTensor download driver dtype
    dtypes duplicate each element elements empty enabled encode encoded encountered end engine enough
    entries entry environment Errno error errors evaluated even exact exactly exceed exceeded exceeds
    except exception execution exist existing exists exp expandable_segments expect expected expecting
    expects explicitly fail failed False false feature features field fields file files find first Float
    float float16 float32 float64 FloatTensor for format formats found fragmentation free from full
    function generator get getting GiB given got GPU GPUs grad grad_fn gradient gradients greater groups
    had Half half HalfTensor handle happened has have header height hidden higher hint host identify
    illegal image images implemented implicitly import in Including incompatible incomplete inconsistent
    incorrect index indexed indexer indices infinity inhomogeneous init initialization initialize inline
    inplace input inputs insert instance instances instead insufficient int int16 int32 int64 int8 integer
    integers internal internet into IntTensor invalid invoked is it item items iterable iterator its
    kernel kernels key keys keyword keywords KiB Killed killed label labels large larger largest last
    launch layer layout leaf least length lengths less level library like line list literal load local
    location locations log Long long longer LongTensor loss lower manager many map mapping mask mat mat1
    mat2 match matched matching matrices matrix max_split_size_mb maximum maybe mean member memory message
    meta method MiB might min minimum mismatch missing mkl_status mode model module more most much multi
    multiple multiplied must name named names NaN nan ndarray ndim negative nested new
    nll_loss_forward_reduce_cuda_kernel_2d no node non None nonzero nor not null number numbers numel
    numeric NumPy numpy NVIDIA object objects occurred of off offline offset on once one only open operand
    operands operation operator or order other out output outputs outside overflow overflows own pad
    padded padding parallel parameter parameters parse parsed part passed passing path permission pickle
    pid pointer positional possible precision pretrained previously probability process processes properly
    properties provided PyTorch PYTORCH_CUDA_ALLOC_CONF queried query raised range ranges rank reach
    reached read readable real received recognized reference referenced reported requested require
    required requires reserve reserved reshape resize restart return returned row rows runtime s same
    sample samples save saw scalar scale second see seen segmentation select sequence sequences Series
    series set setting shape shapes should signal similar single singleton size sizes slice slices small
    smaller some source specified split stack stacktrace start state status storage str strategy stream
    stride strides string strings subscriptable such sum support supported symbol synchronize system t
    Target target targets Tensor tensor tensors terminated than that the them then there these this thread
    threads to together token tokenizer tokenizing too TORCH_USE_CUDA_DSA total traceback trailing train
    training transform tried triggered True true truncated truth try trying tuple two Type type types
    ufunc uint16 uint8 unable unbatched undefined under underlying unexpected unhashable unique unknown
    unpack unpickling unsupported until up upper usage use used uses using usually valid value values
    variable variables vector version via view views want warning was way weight weights were when where
    whether which while width will with within without worker workers would wrapped
    wrapper_CUDA__index_select wrapper_CUDA_addmm write wrong x y you your zero zip
    """.split()  # noqa: SIM905 (a list of so many strings reads worse)
)

# Names of types and devices, kept inside quotation marks too. Any other quoted word may be a value.
TYPE_NAMES = frozenset(
    """
    BFloat16 bfloat16 bias bool builtin_function_or_method Byte bytes complex cpu cuda DataFrame
    DataFrameGroupBy device dict Double dtype Float float float16 float32 float64 function Generator
    generator Half Image Index int int16 int32 int64 int8 LightGBM list Long method module ndarray
    NoneType num_batches_tracked numpy object Path PosixPath RangeIndex running_mean running_var Series
    set slice str Tensor torch tuple type uint8 weight
    """.split()  # noqa: SIM905
)

# Assertions of CUDA kernels that meet candidates: the file, and words of their conditions.
KERNEL_FILES = frozenset(
    """
    BinaryMiscOpsKernels.cu DistributionTemplates.h Embedding.cu EmbeddingBackwardKernel.cu
    EmbeddingBag.cu Indexing.cu IndexKernel.cu IndexKernelUtils.cu Loss.cu Loss2d.cu MultinomialKernel.cu
    NLLLoss2d.cu ScatterGatherKernel.cu SpatialClassNLLCriterion.cu TensorCompare.cu
    """.split()  # noqa: SIM905
)
KERNEL_WORDS = frozenset(
    """
    bounds contains cur_target dst either element i idx_dim ind index index_size inf input input_val
    n_classes nan of one or out probability row Sampled self_dim_size sizes src srcIndex srcSelectDimSize
    t target_val tensor val zero
    """.split()  # noqa: SIM905
)

_SHAPE = r"[\[(]?\d+(?:(?:, ?|x)\d+)*,?[\])]?"
SHAPE_MESSAGES = [
    re.compile(pattern)
    for pattern in (
        rf"mat1 and mat2 shapes cannot be multiplied \({_SHAPE} and {_SHAPE}\)",
        r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\) "
        r"at non-singleton dimension \d+",
        rf"operands could not be broadcast together with shapes {_SHAPE} {_SHAPE} ?",
        rf"could not broadcast input array from shape {_SHAPE} into shape {_SHAPE}",
        rf"shapes {_SHAPE} and {_SHAPE} not aligned: \d+ \(dim \d+\) != \d+ \(dim \d+\)",
        rf"cannot reshape array of size \d+ into shape {_SHAPE}",
        rf"shape '{_SHAPE}' is invalid for input of size \d+",
        r"Found input variables with inconsistent numbers of samples: \[\d+, \d+\]",
        r"X has \d+ features, but \w+ is expecting \d+ features as input\.?",
        r"Expected input batch_size \(\d+\) to match target batch_size \(\d+\)\.?",
        r"Length of values \(\d+\) does not match length of index \(\d+\)",
        r"not enough values to unpack \(expected \d+, got \d+\)",
        r"too many values to unpack \(expected \d+(?:, got \d+)?\)",
        r"\w+(?:\.\w+)*\(\) takes (?:from )?\d+ (?:to \d+ )?positional arguments? but \d+ (?:was|were) given",
        r"Dimension out of range \(expected to be in range of \[-?\d+, -?\d+\], but got -?\d+\)",
        rf"Target size \(torch\.Size\({_SHAPE}\)\) must be the same as "
        rf"input size \(torch\.Size\({_SHAPE}\)\)",
        rf"Expected target size {_SHAPE}, got {_SHAPE}",
        rf"Given groups=\d+, weight of size {_SHAPE}, expected input ?{_SHAPE} to have \d+ channels, "
        r"but got \d+ channels instead",
        r"stack expects each tensor to be equal size, but got \[\d+(?:, \d+)*\] at entry \d+ and "
        r"\[\d+(?:, \d+)*\] at entry \d+",
    )
]
# The index may be a value, such as a class number; the numbers of the array are not.
OUT_OF_BOUNDS = re.compile(r"index -?\d+ (is out of bounds for (?:axis|dimension) \d+ with size \d+)")

# Numbers that count or measure what a library handles, by the word beside them.
_MEASURE = (
    r"(?:[Ss]hapes?|[Ss]izes?|ndims?|[Dd]ims?|[Dd]imensions?|axis|rank|[Ll]ength|batch_size|groups|channels|n_\w+"
    r"|[Aa]rgument|[Ll]ine|position|layer|column|fields?|[Cc]apacity|GPU|cuda|version|Errno|base|element|saw|CUDA_LAUNCH_BLOCKING)"
)
_COUNTED = (
    r"(?:-?dimensional|required\b|features?\b|samples\b|channels?\b|elements?\b|dimensions?\b|dims?\b|positional\b"
    r"|arguments?\b|args\b|axes\b|indices\b|columns\b|fields\b|rows\b|bytes\b|[KMGT]i?B\b|classes\b"
    r"|parameters?\b|tensors?\b)"
)
_LINK = r"(?: (?:of|is|was|to|and|with|mismatch:?))*"
MEASURES = re.compile(
    rf"\b{_MEASURE}{_LINK}[ :=('\[\]]*(?:torch\.Size\()?(?P<first>\d+\.\d+(?= ?[KMGT]i?B)|-?{_SHAPE})"
    rf"(?:(?:,| and| vs\.?| !=| x| to| or)+ ?(?:torch\.Size\()?(?P<second>{_SHAPE}))?"
    r"|(?<![\w.])(?P<ranked>\d[dD])\b"
    rf"|(?<![\w.])(?P<count>{_SHAPE}|\d+\.\d+) ?{_COUNTED}"
)
