"""What every setting means: its range, one line, and where it comes from; for `fer train --list-settings` and typos."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# name | range of numbers (choices follow from the type) | one line | origin
_TABLE = """
preset | | name of the model preset, for people | fercli
input.size | from 1 | side of the input crop in pixels | BTN 4.2
input.mean | 3 numbers, 0 to 1 | subtracted from the RGB channels, which are 0..1 | ImageNet
input.std | 3 numbers, not 0 | divides the RGB channels after the mean | ImageNet
input.colour | | grey repeats the luminance in all three channels | fercli
backbone_size | multiple of 16 from 32 (with entry blocks: of 32 from 64) | side of the input of both backbones in pixels | BTN 4.2
resize_mode | | how the input is resized to backbone_size | POSTER_V2's code
image.kind | | image branch: ir (IR50), face_resnet (dlib) or one that an installed package adds | BTN 3, dlib
image.stem | from 1 | channels of the image branch's first layers | IR50
image.entry | from 0 | face_resnet: blocks before the first level, whose map is then an eighth of the side | dlib
image.widths | 3 integers from 1 | channels of the image branch's three levels | IR50
image.depths | 3 integers from 1 | blocks of the image branch's three levels | IR50
image.tap_convs | | a 3x3 convolution between each stage and its cross-attention | POSTER_V2's code
landmark.width | above 0 | factor on all channel counts of the landmark branch | MobileFaceNet
landmark.activation | | activation of the landmark branch | MobileFaceNet
landmark.bn | | official_train updates the frozen branch's batch norm statistics, as the baseline does | POSTER_V2's code
landmark.input | | pixels of the landmark branch: 0..1, or normalised as in the baseline | POSTER_V2's code
cross.heads | 3 integers from 1 | attention heads of the three levels; divide image.widths | POSTER++
cross.drop_path | 3 numbers, 0 to below 1 | stochastic depth of the three cross-attention blocks | Huang et al. 2016
cross.layer_scale | above 0 | initial scale of each cross-attention branch | Touvron et al. 2021
cross.mlp_ratio | above 0 | hidden width of the feed-forward part, as a multiple of the level's | POSTER++
vit.width | from 1 | channels of a token | POSTER++
vit.depth | from 1 | transformer blocks of the classifier | POSTER++
vit.heads | from 1 | attention heads; divide vit.width | POSTER++
vit.mlp_ratio | above 0 | hidden width of the feed-forward part, as a multiple of vit.width | POSTER++
vit.init_std | above 0 | standard deviation of the linear layers at the start | POSTER_V2's code
vit.embed_gelu | | GELU after the convolutions that turn levels into tokens | POSTER-Var
vit.level_embedding | | a learned vector per level, added to its tokens | POSTER-Var
vit.token_norm | | layer norm of all tokens before the first block | POSTER-Var
mla.down | | how multi-level attention halves a map | BTN 3.1, open
mla.ffn | | feed-forward part in the attention blocks of MLA | BTN, parameter count
mla.residual | | side from which the residual connection of MLA starts | BTN 3.1, open
mla.layer_scale | above 0 | initial scale of each branch of MLA | POSTER++
mla.drop_path | 2 numbers, 0 to below 1 | stochastic depth of the two blocks of MLA | POSTER++
embed.kernel | | kernel of the convolution that gives E, one map per class | BTN, Eq. 8, open
cba.similarity | | dot products, or cosines of embeddings minus their mean over the batch | fercli
cba.logit_scale | 1 to 100 | cosine: start of the learned factor before the softmax | Radford et al. 2021
cba.scale | | dot: factor s in o_n, before the softmax over the batch | BTN, Eq. 4, open
cba.value | | what class batch attention mixes: logits or probabilities | BTN, Eq. 3-5
cba.detach_value | | stops the gradient of L_CBA before P_VIT | BTN, open
cba.pe | | positional encoding that marks the class of a channel | BTN 3.2
cba.mask_self | | no image attends to itself | fercli
cba.gather | | with several processes: attend to the images of all of them | BTN, open
bt.source | | input of the batch transformer; s3 is the row BT | BTN, Table 5
batch.detach | | S1 to S3 get no gradient from MLA and the batch transformer | fercli
ablate.mla_only | | network of the row MLA, which the paper does not define | BTN, Table 5, open
conventions | names, separated by commas | further label conventions, each with a head of its own | fercli
expert.heads | names, separated by commas | heads that add the log probabilities of a frozen expert; default: vit.head | fercli
expert.crop | 0 to 1 | part of the input that the expert sees: left, top, right, bottom | fercli
recipe | | name of the recipe, for people | fercli
epochs | from 1 | passes over the training images | POSTER_V2's code
batch_size | from 1 | images of a step, over all processes and micro-batches | BTN 4.2
accumulate | from 1 to batch_size | micro-batches per step, to save memory; CBA attends within one | fercli
optimizer | | optimizer, inside SAM if sam.rho is above 0 | BTN 4.2
betas | 2 numbers, 0 to 1 | decay of the moments of adam and adamw | POSTER_V2's code
eps | from 0 | added to the denominator of adam and adamw | POSTER_V2's code
momentum | 0 to 1 | Nesterov momentum of sgd | fercli
lr | from 0 | learning rate | BTN 4.2
backbone_lr | from 0 | factor on lr for the image branch | fercli
weight_decay | from 0 | decay of the weights | POSTER_V2's code
schedule | | schedule of the learning rate | BTN 4.2
gamma | 0 to 1 | factor of the exponential schedule per epoch | POSTER_V2's code
warmup_epochs | from 0 | epochs over which the learning rate rises from 0 | fercli
sampler | | balanced samples rare classes more often, with replacement | POSTER_V2's code
balance | 0 to 1 | balanced: images of a class are proportional to count ** (1 - balance); 1 is equal classes | fercli
drop_last | | leave out the last, smaller batch of an epoch | POSTER_V2's code
grad_clip | from 0 | largest global norm of the gradient; 0 is off | fercli
ema | 0 to 0.999999 | decay of the moving average of the weights that is evaluated; 0 is off | fercli
amp | | half precision of the forward pass | fercli
tf32 | | TF32 for float32 products in training, on GPUs that have it; scoring never uses it | fercli
channels_last | | memory format of images and convolutions | fercli
compile | | torch.compile: minutes at the start, then faster steps on GPUs | fercli
deterministic | | deterministic GPU kernels only | fercli
sync_bn | | with several processes: batch norm over the images of all | fercli
seed | from 0 | of the initial weights, the order of images and augmentation | fercli
validation | 0 to 0.9 | stratified share of train held out if there is no validation split | fercli
select | | epoch whose weights are the result: best on val, last, or best on test | fercli
test_best | | also score the test split after every epoch | POSTER_V2's code
patience | from 0 | epochs without a better validation accuracy before training stops; 0 is off | fercli
loss.vit | from 0 | lambda, the weight of L_VIT | BTN, Eq. 9
loss.bt | from 0 | weight of L_BT | BTN, Eq. 9
loss.cba | from 0 | weight of L_CBA | BTN, Eq. 9
loss.aux | from 0 | weight of the loss of ablate.mla_only=aux_head | BTN, Table 5, open
loss.image | from 0 | weight of a linear classifier on the image branch, in training only | Lee et al. 2015
loss.other | | name of a loss that an installed package adds; empty is none | fercli
loss.other_weight | from 0 | weight of loss.other | fercli
loss.distill | from 0 | weight of KL(P_BT, P_VIT): the classifier learns from the batch transformer | fercli
loss.attention | from 0 | weight of -log(attention to other images with the same label) | fercli
loss.refine | 0 to 1 | share of P_CBA's distribution, without gradient, in the target of L_VIT | fercli
loss.refine_after | from 0 | epochs before loss.refine begins | fercli
loss.refine_from | | prediction that corrects the target: cba; as controls vit, ema (averaged weights), permuted | fercli
loss.label_smoothing | 0 to 1 | share of the target that is spread over all classes | Szegedy et al. 2016
loss.soft_targets | | vote distributions as targets, if the data set has votes | Barsoum et al. 2016
loss.single_votes | | with soft targets: keep classes with one vote | Barsoum et al. 2016
loss.first_label | 0 to 1 | with soft targets: weight of the original label | fercli
loss.teacher | 0 to 1 | with --teacher: weight of the teachers' probabilities in a target | Hinton et al. 2015
loss.unlabelled | | with soft targets: also train on images whose votes have no winner | fercli
loss.class_weight | from 0 | weights n_c ** -class_weight of the classes; 0 is off | fercli
loss.logit_adjustment | | this times log(class share) is added to the logits; 1 is balanced softmax | Ren et al. 2020
sam.rho | from 0 | radius of sharpness-aware minimisation; 0 is the plain optimizer | Foret et al. 2021
sam.adaptive | | radius relative to the size of each weight (ASAM) | Kwon et al. 2021
sam.freeze_bn_second | | batch norm statistics stay in SAM's second pass | POSTER_V2's code
sam.report | | passes whose loss and accuracy are reported | POSTER_V2's code
augment.flip | 0 to 1 | probability of a horizontal flip | POSTER_V2's code
augment.rotate | 0 to 180 | largest angle in degrees, either way; 0 is off | fercli
augment.translate | 0 to 1 | largest shift, as a fraction of the side; 0 is off | fercli
augment.scale | 0 to 0.9 | largest change of size, as a fraction; 0 is off | fercli
augment.brightness | 0 to 1 | largest change of brightness, as a fraction; 0 is off | fercli
augment.contrast | 0 to 1 | largest change of contrast, as a fraction; 0 is off | fercli
augment.saturation | 0 to 1 | largest change of saturation, as a fraction; no effect on grey; 0 is off | fercli
augment.hue | 0 to 0.5 | largest rotation of the hue, as a fraction of the circle; no effect on grey; 0 is off | fercli
augment.lowres | 0 to 1 | probability of resizing to 25..75 % and back | fercli
augment.blur | 0 to 1 | probability of a Gaussian blur | fercli
augment.gamma | 0 to 3 | largest logarithm of a random gamma; 0 is off | fercli
augment.light | 0 to 1 | largest gradient of brightness; 0 is off | fercli
augment.sharpen | 0 to 1 | probability of unsharp masking | fercli
augment.noise | 0 to 1 | largest standard deviation of Gaussian noise; 0 is off | fercli
augment.jpeg | 0 to 1 | probability of JPEG compression | fercli
augment.mixup | 0 to 1 | probability of blending with another image of the batch | Zhang et al. 2018
augment.cutmix | 0 to 1 | probability of a square of another image of the batch | Yun et al. 2019
augment.erase | 0 to 1 | probability of random erasing | Zhong et al. 2020
augment.erase_scale | 2 numbers, 0 to 1 | smallest and largest erased share of the area | POSTER_V2's code
augment.erase_ratio | 2 numbers from 0.01 | limits of the erased rectangle's ratio of height to width | Zhong et al. 2020
"""

# names that other programs use, and words for what a setting does
_SYNONYMS = {
    "lr": "learning_rate learningrate base_lr initial_lr rate step_size",
    "backbone_lr": "lr_backbone backbone_learning_rate lr_mult",
    "batch_size": "batch bs batchsize train_batch_size images_per_step",
    "accumulate": "accumulation grad_accumulation gradient_accumulation_steps accum iter_size micro_batches",
    "epochs": "epoch n_epochs num_epochs max_epochs max_epoch iterations steps",
    "weight_decay": "wd decay l2",
    "optimizer": "optimiser optim opt solver",
    "betas": "beta beta1 beta2 adam_betas",
    "eps": "epsilon adam_eps",
    "schedule": "scheduler lr_schedule lr_scheduler lr_policy sched",
    "gamma": "lr_gamma lr_decay decay_rate",
    "warmup_epochs": "warmup warm_up warmup_steps",
    "grad_clip": "clip clip_grad gradient_clipping max_grad_norm clip_norm",
    "ema": "model_ema ema_decay moving_average",
    "amp": "precision half fp16 bf16 mixed_precision float16 bfloat16 autocast",
    "compile": "torch_compile torchcompile",
    "seed": "random_seed random_state rng",
    "validation": "val_split val_ratio val_fraction holdout val_size",
    "select": "checkpoint selection best monitor",
    "patience": "early_stopping early_stop",
    "tf32": "allow_tf32 matmul_precision tensor_cores",
    "deterministic": "reproducible cudnn_deterministic",
    "sampler": "sampling balanced_sampling oversampling imbalanced",
    "input.size": "img_size image_size resolution input_size crop_size size imgsz",
    "input.mean": "mean normalize_mean",
    "input.std": "std normalize_std",
    "input.colour": "color colour grayscale greyscale grey gray rgb",
    "image.kind": "backbone arch architecture encoder model_name",
    "cross.drop_path": "drop_path droppath stochastic_depth dropout drop_rate",
    "loss.vit": "lambda lam lambda_vit",
    "loss.label_smoothing": "smoothing label_smooth smooth",
    "loss.class_weight": "class_weights weighted_loss cls_weight",
    "loss.distill": "distillation kd self_distillation",
    "loss.teacher": "alpha kd_weight teacher_weight",
    "sam.rho": "rho sam sharpness",
    "sam.adaptive": "asam",
    "augment.flip": "hflip fliplr horizontal_flip mirror",
    "augment.rotate": "rotation degrees rot angle",
    "augment.translate": "shift translation",
    "augment.scale": "zoom",
    "augment.hue": "colorjitter color_jitter jitter hsv_h",
    "augment.noise": "gaussian_noise",
    "augment.erase": "random_erasing erasing cutout reprob random_erase",
    "augment.mixup": "mix_up mixup_alpha",
    "augment.cutmix": "cut_mix cutmix_alpha",
}
_LISTED = 3


@dataclass(frozen=True)
class SettingInfo:
    """One setting. range: values it takes, for people; summary: one line; source: the paper's section or the option's origin."""

    name: str
    range: str
    summary: str
    source: str


def setting_info(name: str, hint: Any) -> SettingInfo:
    """Describe a setting of this type; one without an entry has the range of its type alone."""
    bounds, summary, source = _entries().get(name, ("", "", ""))
    return SettingInfo(name, bounds or _range_of(hint), summary, source)


def documented_settings() -> frozenset[str]:
    """Return the names of all settings with an entry."""
    return frozenset(_entries())


def nearest_settings(name: str, known: Iterable[str]) -> list[str]:
    """Return the most likely meanings of an unknown name: a synonym, the last part of a name, or a similar spelling."""
    names, asked = list(known), name.lower().replace("-", "_")
    last = asked.rpartition(".")[2]
    by_meaning = [target for target, words in _SYNONYMS.items() if {asked, last} & set(words.split())]
    by_part = [other for other in names if last in other.split(".")]
    words = {word: target for target, listed in _SYNONYMS.items() for word in listed.split()}
    spelled = [words.get(near, near) for near in difflib.get_close_matches(asked, [*names, *words], n=3, cutoff=0.7)]
    parts = {other.rpartition(".")[2]: other for other in reversed(names)}
    spelled += [parts[near] for near in difflib.get_close_matches(last, parts, n=2, cutoff=0.7)]
    candidates = [*by_meaning, *by_part, *spelled] or difflib.get_close_matches(asked, names, n=1, cutoff=0.5)
    return [other for other in dict.fromkeys(candidates) if other in names][:_LISTED]


def _entries() -> dict[str, tuple[str, str, str]]:
    entries = {}
    for line in _TABLE.strip().splitlines():
        name, bounds, summary, source = (part.strip() for part in line.split("|"))
        entries[name] = (bounds, summary, source)
    return entries


def _range_of(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "|".join(str(choice) for choice in typing.get_args(hint))
    if hint is bool:
        return "true|false"
    return {int: "an integer", float: "a number", str: "a name"}.get(hint, "")
