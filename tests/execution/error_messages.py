"""Common errors of machine-learning code, raised for real (for texts of GPUs see `gpu_error_messages`).

A snippet is `main.py` of a candidate. It reads `table` and `cell`, which stand for the data: every value of
them is planted, and none of them stands in the code.
"""

from dataclasses import dataclass

PLANTED = ("Zanzibar", "Qwertz", "4711", "83.4719", "xylophone")
"""Cells of the data; the names of its columns are `label`, `wing span` and `note`."""


@dataclass(frozen=True)
class Case:
    """An error, and the parts of its message that say what is wrong."""

    name: str
    code: str
    says: tuple[str, ...]
    needs: str = ""  # a package

    def __str__(self) -> str:
        return self.name


def _case(name: str, code: str, *says: str, needs: str = "") -> Case:
    return Case(name, code, says, needs)


RAISED = [
    # Python
    _case("missing column", "frame = {'a': 1}\nframe['label']", "KeyError: 'label'"),
    _case("missing module", "import not_there_at_all", "No module named 'not_there_at_all'"),
    _case("wrong import", "from json import lods", "cannot import name 'lods' from 'json'"),
    _case("unknown name", "print(modle)", "name 'modle' is not defined"),
    _case("attribute of None", "best = None\nbest.score", "'NoneType' object has no attribute 'score'"),
    _case(
        "misspelt attribute",
        "import collections\ncollections.OrderdDict()",
        "module 'collections' has no attribute 'OrderdDict'",
    ),
    _case("operands", "1 + table['note'][0]", "unsupported operand type(s) for +: 'int' and 'str'"),
    _case("not callable", "rows = 3\nrows()", "'int' object is not callable"),
    _case("unpack", "first, second = [1, 2, 3]", "too many values to unpack (expected 2"),
    _case(
        "missing argument",
        "def fit(rows, epochs):\n    pass\nfit(3)",
        "fit() missing 1 required positional argument: 'epochs'",
    ),
    _case(
        "unexpected argument",
        "def fit(rows):\n    pass\nfit(rows=1, epoch=3)",
        "fit() got an unexpected keyword argument 'epoch'",
    ),
    _case("list index", "[][0]", "list index out of range"),
    _case("to float", "float(cell)", "could not convert string to float: '…'"),
    _case(
        "missing file",
        "open('working/model.bin')",
        "FileNotFoundError: [Errno 2] No such file or directory: 'working/model.bin'",
    ),
    _case(
        "missing picture",
        "open(f'input/{cell}.png')",
        "FileNotFoundError: [Errno 2] No such file or directory:",
        "input/",
    ),
    _case("division", "1 / 0", "ZeroDivisionError: division by zero"),
    _case(
        "json", "import json\njson.loads('{' + cell)", "JSONDecodeError: Expecting property name enclosed in"
    ),
    _case("pickled", "import pickle\npickle.dumps(lambda: 1)", "pickle", "lambda"),
    # numpy
    _case(
        "broadcast",
        "import numpy as np\nnp.ones((3, 4)) + np.ones((2, 5))",
        "operands could not be broadcast together with shapes (3,4) (2,5)",
    ),
    _case(
        "not aligned",
        "import numpy as np\nnp.ones((3, 4)).dot(np.ones((5, 2)))",
        "shapes (3,4) and (5,2) not aligned: 4 (dim 1) != 5 (dim 0)",
    ),
    _case(
        "reshape",
        "import numpy as np\nnp.ones(10).reshape(3, 4)",
        "cannot reshape array of size 10 into shape (3,4)",
    ),
    _case(
        "concatenate",
        "import numpy as np\nnp.concatenate([np.ones((2, 3)), np.ones((2, 4))])",
        "all the input array dimensions except for the concatenation axis must match exactly",
        "along dimension 1",
        "has size 3",
    ),
    _case(
        "inhomogeneous",
        "import numpy as np\nnp.array([[1, 2], [3]], dtype=float)",
        "setting an array element with a sequence",
        "array has an inhomogeneous shape after 1 dimensions",
    ),
    _case(
        "array index",
        "import numpy as np\nnp.ones(3)[int(table['label'][0])]",
        "is out of bounds for axis 0 with size 3",
    ),
    _case(
        "boolean index",
        "import numpy as np\nnp.ones(3)[np.ones(4, dtype=bool)]",
        "boolean index did not match indexed array along axis 0; size of axis is 3",
    ),
    _case("singular", "import numpy as np\nnp.linalg.inv(np.zeros((2, 2)))", "LinAlgError: Singular matrix"),
    _case(
        "ambiguous truth",
        "import numpy as np\nif np.ones(3):\n    pass",
        "The truth value of an array with more than one element is ambiguous",
    ),
    # pandas
    _case("pandas column", "table['lable']", "KeyError: 'lable'"),
    _case("pandas columns", "table[['wing span', 'nose']]", "['nose'] not in index"),
    _case(
        "column length", "table['new'] = [1, 2]", "Length of values (2) does not match length of index (3)"
    ),
    _case("attribute of a table", "table.lables", "'DataFrame' object has no attribute 'lables'"),
    _case(
        "merge key",
        "table.merge(table[['label']], on='wing span')",
        "KeyError: 'wing span'",
    ),
    _case("as type", "table['note'].astype(float)", "could not convert string to float: '…'"),
    _case(
        "missing values as integers",
        "import numpy as np\ntable['label'].astype(float).replace(4711.0, np.nan).astype(int)",
        "Cannot convert non-finite values (NA or inf) to integer",
    ),
    _case(
        "parsing",
        "import io\nimport pandas as pd\npd.read_csv(io.StringIO(f'a,b\\n1,2\\n{cell},2,3\\n'))",
        "ParserError: Error tokenizing data. C error: Expected 2 fields in line 3, saw 3",
    ),
    # scikit-learn
    _case(
        "number of samples",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nRidge().fit(np.ones((3, "
        "2)), np.ones(4))",
        "Found input variables with inconsistent numbers of samples: [3, 4]",
    ),
    _case(
        "number of features",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\n"
        "Ridge().fit(np.ones((3, 2)), np.ones(3)).predict(np.ones((3, 5)))",
        "X has 5 features, but Ridge is expecting 2 features as input",
    ),
    _case(
        "not fitted",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nRidge().predict(np.ones((3, 2)))",
        "NotFittedError: This Ridge instance is not fitted yet. Call 'fit' with appropriate arguments",
    ),
    _case(
        "NaN input",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\n"
        "Ridge().fit(np.full((3, 2), np.nan), np.ones(3))",
        "Input X contains NaN.",
        "Ridge does not accept missing values encoded as NaN natively",
    ),
    _case(
        "text as input",
        "from sklearn.linear_model import Ridge\nRidge().fit(table[['note']], table['label'])",
        "could not convert string to float: '…'",
    ),
    _case(
        "unseen label",
        "from sklearn.preprocessing import LabelEncoder\nLabelEncoder().fit(['a']).transform(table['note'])",
        "y contains previously unseen labels:",
    ),
    _case(
        "unseen category",
        "from sklearn.preprocessing import OneHotEncoder\n"
        "OneHotEncoder().fit([['a']]).transform(table[['note']].to_numpy())",
        "Found unknown categories",
        "in column 0 during transform",
    ),
    _case(
        "kind of labels",
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
        "LogisticRegression().fit(np.ones((3, 2)), [0.5, 1.5, 2.5])",
        "Unknown label type: continuous. Maybe you are trying to fit a classifier",
    ),
    _case(
        "folds",
        "import numpy as np\nfrom sklearn.model_selection import "
        "KFold\nlist(KFold(5).split(np.ones((3, 2))))",
        "Cannot have number of splits n_splits=5 greater than the number of samples: n_samples=3",
    ),
    _case(
        "wrong parameter",
        "import numpy as np\nfrom sklearn.linear_model import LogisticRegression\n"
        "LogisticRegression(solver='best').fit(np.ones((3, 2)), [0, 1, 1])",
        "The 'solver' parameter of LogisticRegression must be a str among",
        "Got 'best' instead",
    ),
    _case(
        "shape of scores",
        "from sklearn.metrics import roc_auc_score\nroc_auc_score([0, 1, 2], [0.1, 0.2, 0.3])",
        "multi_class must be in ('ovo', 'ovr')",
    ),
    # PIL
    _case(
        "broken picture",
        "import io\nfrom PIL import Image\nImage.open(io.BytesIO(cell.encode()))",
        "UnidentifiedImageError: cannot identify image file",
    ),
    _case(
        "mode of a picture",
        "from PIL import Image\nImage.new('RGB', (4, 4)).convert('RGBX9')",
        "image has wrong mode",
    ),
    # torch
    _case(
        "matrix shapes",
        "import torch\ntorch.nn.Linear(65, 10)(torch.ones(64, 64))",
        "mat1 and mat2 shapes cannot be multiplied (64x64 and 65x10)",
    ),
    _case(
        "channels",
        "import torch\ntorch.nn.Conv2d(3, 16, 3)(torch.ones(8, 1, 28, 28))",
        "Given groups=1, weight of size [16, 3, 3, 3], expected input[8, 1, 28, 28] to have 3 channels, "
        "but got 1 channels instead",
    ),
    _case(
        "dimensions of a picture",
        "import torch\ntorch.nn.Conv2d(3, 16, 3)(torch.ones(8, 28))",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 28]",
    ),
    _case(
        "batch sizes",
        "import torch\ntorch.nn.CrossEntropyLoss()(torch.ones(4, 3), torch.zeros(5, dtype=torch.long))",
        "Expected input batch_size (4) to match target batch_size (5)",
    ),
    _case(
        "dtype of a target",
        "import torch\ntorch.nn.CrossEntropyLoss()(torch.ones(4, 3), torch.zeros(4, dtype=torch.int32))",
        "expected target dtype to be Long or Byte, but got Int",
    ),
    _case(
        "dtype of a matrix",
        "import torch\ntorch.nn.Linear(3, 2)(torch.ones(4, 3, dtype=torch.float64))",
        "mat1 and mat2 must have the same dtype, but got Double and Float",
    ),
    _case(
        "target out of range",
        "import torch\ntorch.nn.CrossEntropyLoss()(torch.ones(1, 3), torch.tensor([int(table['label'][0])]))",
        "IndexError: Target … is out of bounds",
    ),
    _case(
        "embedding",
        "import torch\ntorch.nn.Embedding(3, 2)(torch.tensor([int(table['label'][0])]))",
        "index out of range in self",
    ),
    _case(
        "size of a target",
        "import torch\ntorch.nn.BCEWithLogitsLoss()(torch.ones(4, 1), torch.ones(4))",
        "Target size (torch.Size([4])) must be the same as input size (torch.Size([4, 1]))",
    ),
    _case(
        "state of a network",
        "import torch\ntorch.nn.Linear(3, 2).load_state_dict({'weigth': torch.ones(2, 3)})",
        "Error(s) in loading state_dict for Linear",
        'Missing key(s) in state_dict: "weight", "bias"',
        'Unexpected key(s) in state_dict: "weigth"',
    ),
    _case(
        "no gradient",
        "import torch\ntorch.ones(3).sum().backward()",
        "element 0 of tensors does not require grad and does not have a grad_fn",
    ),
    _case(
        "tensor to numpy",
        "import torch\ntorch.ones(3, requires_grad=True).numpy()",
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead",
    ),
    _case(
        "stacked tensors",
        "import torch\ntorch.stack([torch.ones(3), torch.ones(4)])",
        "stack expects each tensor to be equal size, but got [3] at entry 0 and [4] at entry 1",
    ),
    _case(
        "string in a tensor",
        "import torch\ntorch.tensor(table['note'].tolist())",
        "too many dimensions 'str'",
    ),
    _case(
        "no CUDA",
        "import torch\ntorch.cuda.set_device(0) if not torch.cuda.is_available() else torch.zeros(1).fail()",
        "Found no NVIDIA driver on your system",
    ),
    # lightgbm, timm
    _case(
        "lightgbm columns",
        "import lightgbm\nlightgbm.LGBMClassifier(n_estimators=2).fit(table[['note']], table['label'])",
        "pandas dtypes must be int, float or bool",
        "Fields with bad pandas dtypes: note",
        needs="lightgbm",
    ),
    _case(
        "lightgbm lengths",
        "import lightgbm\nimport numpy as np\n"
        "lightgbm.Booster(train_set=lightgbm.Dataset(np.ones((3, 2)), label=np.ones(4)))",
        "Length of labels differs from the length of #data",
        needs="lightgbm",
    ),
    _case("timm name", "import timm\ntimm.create_model('resnt18')", "Unknown model (resnt18)", needs="timm"),
    _case(
        "timm argument",
        "import timm\ntimm.create_model('resnet18', num_clases=3)",
        "got an unexpected keyword argument 'num_clases'",
        needs="timm",
    ),
]
