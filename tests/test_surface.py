"""The public names are there: what a person who knows PyTorch writes without looking it up."""

import functools
import inspect

import pytest

import tinygrad_cnn as tg

NAMES = {
    "tg": """
        Value Tensor Generator device manual_seed tensor as_tensor from_numpy from_dlpack zeros ones
        full empty arange linspace eye zeros_like ones_like full_like rand randn randint randperm
        bernoulli normal float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool
        no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled save load
        abs exp expm1 log log1p log2 sqrt rsqrt square pow sin cos tan tanh sigmoid erf floor ceil
        round sign clamp reciprocal maximum minimum where lerp addcmul nan_to_num isnan isfinite
        sum mean prod max min amax amin var std norm logsumexp argmax argmin cumsum cumprod any all
        median sort topk matmul mm bmm dot outer einsum tensordot addmm reshape flatten unflatten
        squeeze unsqueeze permute transpose movedim broadcast_to tile cat stack split chunk unbind
        flip roll gather scatter scatter_add index_select take_along_dim tril triu diag
        relu leaky_relu elu autograd nn optim data models viz utils cuda
        backends kernels get_num_threads set_num_threads get_default_device set_default_device
        graph_step
    """,
    "tg.Tensor": """
        shape ndim dtype device raw data requires_grad is_leaf grad grad_fn T mT numel size dim item
        tolist numpy cpu cuda to detach clone requires_grad_ retain_grad register_hook backward
        __array__ __dlpack__ __len__ __iter__ __bool__ __repr__
        abs exp expm1 log log1p log2 sqrt rsqrt square pow sin cos tan tanh sigmoid erf floor ceil
        round sign clamp reciprocal maximum minimum where lerp addcmul nan_to_num isnan isfinite
        sum mean prod max min amax amin var std norm logsumexp argmax argmin cumsum cumprod any all
        median sort topk matmul mm bmm dot outer addmm reshape view flatten unflatten squeeze
        unsqueeze permute transpose movedim expand broadcast_to repeat tile split chunk unbind flip
        roll gather scatter scatter_add index_select take_along_dim masked_fill tril triu diag
        add_ sub_ mul_ div_ zero_ fill_ copy_ clamp_ relu leaky_relu elu softmax log_softmax
    """,
    "tg.Value": """
        data grad label backward exp log sqrt sin cos tanh sigmoid relu leaky_relu elu maximum
        minimum __add__ __radd__ __sub__ __mul__ __truediv__ __pow__ __neg__ __abs__ __lt__
    """,
    "tg.autograd": """
        grad gradcheck gradgradcheck Function functional detect_anomaly certify backward
    """,
    "tg.autograd.functional": "vjp jvp jacobian hessian hvp vhp",
    "tg.utils": "checkpoint",
    "tg.backends.cpu": "benchmark precise flags is_available get_cpu_capability",
    "tg.kernels": "report by_shape use",
    "tg.nn.functional": """
        conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d locally_connected1d
        locally_connected2d tiled_conv2d partial_conv2d linear bilinear unfold fold embedding
        max_pool1d max_pool2d max_pool3d max_unpool2d avg_pool1d avg_pool2d avg_pool3d
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d stochastic_pool2d maxout
        spatial_pyramid_pool batch_norm local_response_norm layer_norm group_norm instance_norm
        rms_norm normalize relu relu6 leaky_relu prelu elu selu celu gelu silu mish hardswish
        hardsigmoid hardtanh sigmoid tanh scaled_tanh softplus softsign softmax log_softmax softmin
        logsigmoid threshold glu dropout dropout1d dropout2d dropout3d alpha_dropout drop_path pad
        interpolate pixel_shuffle pixel_unshuffle grid_sample affine_grid cross_entropy nll_loss
        mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy
        binary_cross_entropy_with_logits kl_div hinge_embedding_loss margin_ranking_loss
        triplet_margin_loss cosine_embedding_loss multi_margin_loss cosine_similarity
        pairwise_distance one_hot
    """,
    "tg.nn": """
        Module Parameter Buffer Sequential ModuleList ModuleDict ParameterList Identity Flatten
        Unflatten Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
        LocallyConnected1d LocallyConnected2d TiledConv2d PartialConv2d Subsampling2d Linear
        Bilinear Embedding LazyConv2d LazyLinear MaxPool1d MaxPool2d MaxPool3d MaxUnpool2d AvgPool1d
        AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d
        AdaptiveMaxPool2d AdaptiveMaxPool3d LPPool1d LPPool2d StochasticPool2d Maxout
        SpatialPyramidPool BatchNorm1d BatchNorm2d BatchNorm3d LocalResponseNorm LayerNorm GroupNorm
        InstanceNorm1d InstanceNorm2d InstanceNorm3d RMSNorm ReLU ReLU6 LeakyReLU PReLU ELU SELU
        CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh Sigmoid Tanh ScaledTanh Softplus Softsign
        Softmax LogSoftmax Softmin LogSigmoid Threshold GLU Dropout Dropout1d Dropout2d Dropout3d
        AlphaDropout DropPath ZeroPad2d ReflectionPad2d ReplicationPad2d ConstantPad2d Upsample
        PixelShuffle PixelUnshuffle CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss
        BCELoss BCEWithLogitsLoss KLDivLoss HingeEmbeddingLoss MarginRankingLoss TripletMarginLoss
        CosineEmbeddingLoss MultiMarginLoss CosineSimilarity PairwiseDistance init utils functional
    """,
    "tg.nn.Module": """
        parameters named_parameters buffers named_buffers children named_children modules
        named_modules get_submodule train eval requires_grad_ to state_dict load_state_dict apply
        zero_grad register_buffer register_parameter register_module register_forward_hook
        register_forward_pre_hook register_full_backward_hook __repr__
    """,
    "tg.nn.init": """
        uniform_ normal_ constant_ ones_ zeros_ eye_ dirac_ xavier_uniform_ xavier_normal_
        kaiming_uniform_ kaiming_normal_ trunc_normal_ orthogonal_ sparse_ calculate_gain
    """,
    "tg.nn.utils": """
        clip_grad_norm_ clip_grad_value_ parameters_to_vector vector_to_parameters
        fuse_conv_bn_eval weight_norm spectral_norm
    """,
    "tg.optim": "SGD RMSprop Adagrad Adadelta Adam AdamW NAdam RAdam LARS lr_scheduler",
    "tg.optim.lr_scheduler": """
        LambdaLR StepLR MultiStepLR ExponentialLR LinearLR PolynomialLR ConstantLR
        CosineAnnealingLR CosineAnnealingWarmRestarts ReduceLROnPlateau OneCycleLR CyclicLR
        SequentialLR ChainedScheduler
    """,
}


def found(path: str) -> object:
    """What a dotted name under `tg` means."""
    thing = tg
    for name in path.split(".")[1:]:
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("path", NAMES)
def test_every_public_name_is_there(path):
    place = found(path)
    instance = {tg.Tensor: tg.Tensor([[1.0]]), tg.Value: tg.Value(1.0)}.get(place, place)
    there = {*dir(instance)}  # bfloat16 is there, and asks for ml_dtypes when it is used
    assert [name for name in NAMES[path].split() if name not in there] == []


# Arguments of PyTorch that mean nothing here: legacy, or of its own implementation.
IDLE = {"size_average", "reduce", "foreach", "capturable", "differentiable", "fused", "inplace"}
IDLE |= {"_stacklevel", "maximize", "antialias", "out", "_weight", "_freeze"}
# What is not built: norms and sparse gradients of embeddings, weights of samples, old names.
EMBEDDING = {"max_norm", "norm_type", "scale_grad_by_freq", "sparse"}
LEFT_OUT = {
    "Embedding": EMBEDDING,
    "embedding": EMBEDDING,
    "mse_loss": {"weight"},
    "l1_loss": {"weight"},
    "huber_loss": {"weight"},
    "Hardtanh": {"min_value", "max_value"},
}


def parameters(function: object, name: str) -> list[inspect.Parameter] | None:
    """The parameters that count; None where a signature does not tell them."""
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # written in C
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in found):
        return None
    unasked = IDLE | LEFT_OUT.get(name, set())
    return [p for p in found if p.name not in unasked and p.kind is not p.VAR_KEYWORD]


@pytest.mark.parametrize("path", ["tg.nn", "tg.nn.functional", "tg.optim"])
def test_what_has_pytorchs_name_takes_pytorchs_arguments(path, torch):
    """In the same order and with the same defaults; ours may take more at the end."""
    theirs = functools.reduce(getattr, path.split(".")[1:], torch)
    compared = 0
    for name in NAMES[path].split():
        want = parameters(getattr(theirs, name, None), name)
        got = parameters(getattr(found(path), name), name)
        if want is None or got is None:
            continue
        compared += 1
        assert [p.name for p in got[: len(want)]] == [p.name for p in want], name
        for p, q in zip(want, got, strict=False):
            silent = p.empty in (p.default, q.default) or None in (p.default, q.default)
            assert silent or p.default == q.default, f"{name}: {q} is {p} in PyTorch"
    assert compared >= 8
