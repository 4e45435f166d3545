"""Every knob of an experiment, with the values that the other configs change.

The defaults are for catalogue photos at 128 x 96 pixels on one accelerator.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """The config that all others start from."""
    config = config_dict.ConfigDict()
    config.seed = 0  # of initial parameters, batches and noise
    config.dtype = "bfloat16"  # of activations; parameters are always float32
    config.height = 128  # of the images that networks see, pixels; multiples of 4
    config.width = 96

    config.data = config_dict.ConfigDict()
    config.data.dataset = "fashion_products"  # name of a builder in data/
    config.data.data_dir = config_dict.placeholder(str)  # where built datasets are; None: TFDS' own place
    config.data.builder = config_dict.ConfigDict()  # flags of data/build.py that name the variant
    config.data.source = config_dict.placeholder(str)  # folder to build the dataset from when it is missing
    config.data.build = False  # build it by itself when it is missing; for datasets that need no source
    config.data.flip = True  # mirror training images at random
    config.data.crop = 0.12  # classifiers: at most this share of each side is cropped away at random
    config.data.single = 0.3  # share of training's edits of one attribute; the rest are of two to all, evenly
    config.data.balance = 0.5  # share of target values drawn evenly; the rest as frequent as in the data
    config.data.threads = 0  # of the input pipeline; 0: as many as there are cores

    config.attention = config_dict.ConfigDict()  # the attention network
    config.attention.architecture = "resnet"  # or efficientnet_lite0, _lite2: see pretrained.py
    config.attention.pretrained = False  # start from ImageNet weights; efficientnet_lite0 and _lite2 only
    config.attention.seed = 1
    config.attention.batch_size = 64  # over all devices
    config.attention.epochs = 27.0  # passes over the training photos
    config.attention.warmup_epochs = 1.8  # of these, in which the learning rate rises to its value
    config.attention.mixup = 0.0  # how evenly two photos and their values are mixed (alpha of a beta); 0: not at all
    config.attention.foreground = 1.0  # weight of its head's loss for where the garment is; 0, or no masks: no head
    config.attention.optimizer = _optimizer(learning_rate=2e-3, b1=0.9, weight_decay=1e-3, decay=0.67)
    config.attention.resnet = _resnet()  # where the architecture is resnet
    config.attention.efficientnet = _efficientnet()  # where it is one of the others

    config.evaluator = config_dict.ConfigDict()  # judges edits; of an architecture of its own, or scores flatter
    config.evaluator.architecture = "plain"  # or any of attention's
    config.evaluator.pretrained = False  # as attention.pretrained
    config.evaluator.scale = 1  # how many times larger than the others' its images are, in height and in width
    config.evaluator.seed = 2
    config.evaluator.batch_size = 64
    config.evaluator.epochs = 27.0
    config.evaluator.warmup_epochs = 1.8
    config.evaluator.mixup = 0.0  # as attention.mixup
    config.evaluator.optimizer = _optimizer(learning_rate=2e-3, b1=0.9, weight_decay=1e-3, decay=0.67)
    config.evaluator.plain = config_dict.ConfigDict()  # where the architecture is plain
    config.evaluator.plain.widths = (32, 64, 96, 128)  # channels of each stage
    config.evaluator.plain.hidden = 256  # units of the hidden layer
    config.evaluator.resnet = _resnet()
    config.evaluator.efficientnet = _efficientnet()

    config.amgan = config_dict.ConfigDict()
    config.amgan.batch_size = 16  # over all devices
    config.amgan.num_steps = 100_000  # updates of the generator
    config.amgan.warmup_steps = 100  # of these, in which the learning rates rise to their values
    config.amgan.n_critic = 1  # updates of the discriminators for each; each takes a batch of its own
    config.amgan.condition = ("change", "target")  # what the generator is told of an edit: these, or one of them
    config.amgan.cycle_every = 1  # the cycle loss sees each n-th example of a device's; 2 saves a sixth of the time
    config.amgan.crop = 0.0  # as data.crop, of photos and their references alike
    config.amgan.whole = ()  # attributes whose region is all of the garment, where the attention network knows it
    # Their masks: foreground, all of the garment where the attention network knows it; or head, the generator's.
    config.amgan.whole_mask = "foreground"
    config.amgan.recolors = ()  # attributes whose edits give one colour another: edit.even, generator_loss.recolor
    config.amgan.regional = True  # whether there is a regional discriminator
    config.amgan.ema_decay = 0.999  # of the generator's moving average

    config.generator = config_dict.ConfigDict()
    config.generator.width = 64  # channels at full resolution
    config.generator.blocks = 6  # residual blocks
    config.generator.first_kernel = 7  # size of the first convolution
    config.generator.head_kernel = 7  # size of the colour and mask heads
    config.generator.skips = True  # whether the decoder sees the encoder's features
    # Where the mask comes from: attributes (a mask each), head (one for all), network (one of its own) or none.
    config.generator.mask = "attributes"
    config.generator.mask_bias = 0.0  # initial logit of the mask
    config.generator.sees_foreground = True  # where the attention network knows where the garment is

    config.discriminator = config_dict.ConfigDict()  # of both
    config.discriminator.width = 64  # channels after the first layer
    config.discriminator.layers = 5  # halvings of what they see, pixels or feature maps
    config.discriminator.stages = ()  # of the attention network whose features they see; none: they see pixels
    config.discriminator.projection = False  # whether the score says how well an image fits its values

    config.generator_optimizer = _optimizer(learning_rate=1e-4, b1=0.5, weight_decay=0.0, decay=0.01)
    config.discriminator_optimizer = _optimizer(learning_rate=1e-4, b1=0.5, weight_decay=0.0, decay=0.01)

    config.discriminator_loss = config_dict.ConfigDict()  # weights, for each discriminator; the last is left out at 0
    config.discriminator_loss.critic = 1.0
    config.discriminator_loss.penalty = 10.0
    config.discriminator_loss.attributes = 1.0  # values of real images
    config.discriminator_loss.source_attributes = 2.0  # the sources' values, in edits

    config.generator_loss = config_dict.ConfigDict()  # weights; all but the first four are left out at weight 0
    config.generator_loss.global_adversarial = 1.0
    config.generator_loss.global_attributes = 1.0
    config.generator_loss.regional_adversarial = 1.0
    config.generator_loss.regional_attributes = 1.0
    config.generator_loss.cycle = 10.0
    config.generator_loss.identity = 0.0  # what an edit to the source's own values changes
    config.generator_loss.attention = 1.0  # each attribute's mask against its region
    config.generator_loss.outside = 0.0  # what an edit changes, weighed by one minus its region
    config.generator_loss.perceptual = 10.0  # features against the reference's
    config.generator_loss.preservation = 0.0  # values not to change, read off edits as off photos (attention network)
    config.generator_loss.recolor = 0.0  # edits of amgan.recolors against one function of the photo's colours each
    config.generator_loss.mask_size = 0.0  # GANimation's L1 penalty
    config.generator_loss.mask_variation = 0.0  # GANimation's total variation

    config.skip_broken_updates = False  # leave updates out that are not finite, and count them, instead of stopping

    config.log_steps = 100  # between log lines
    config.checkpoint_steps = 1000  # between checkpoints
    config.sample_steps = 2000  # between sample sheets
    config.sample_images = 8  # rows of a sample sheet; at most evaluate.batch_size

    config.edit = config_dict.ConfigDict()  # how trained networks edit, in evaluation and in commands
    # Numbers of attributes that are edited one after another, not in one pass; None: as validation images show best,
    # where edits_by_count is measured.
    config.edit.in_turn = config_dict.placeholder(tuple)
    config.edit.even = True  # edits of amgan.recolors are one function of the photo's colours each

    config.evaluate = config_dict.ConfigDict()
    config.evaluate.batch_size = 64
    config.evaluate.seed = 3  # of the target values
    config.evaluate.read_source = False  # edits start from what the attention network reads, not labels
    # Files in amgan_jax/measures: on test images at the end,
    config.evaluate.measures = (
        "classification",
        "edits",
        "edits_by_count",
        "retrieval",
        "frechet",
        "perceptual",
        "foreground",
    )
    config.evaluate.validation_images = 1000  # at most so many, up to whole batches, are measured while training
    config.evaluate.during = config_dict.ConfigDict()  # and on validation images while training:
    config.evaluate.during.edits = 5000  # steps between; 0: never
    return config


def _optimizer(learning_rate: float, b1: float, weight_decay: float, decay: float) -> config_dict.ConfigDict:
    """AdamW under a linear warm-up and a linear decay at the end."""
    config = config_dict.ConfigDict()
    config.learning_rate = learning_rate
    config.b1 = b1
    config.b2 = 0.999
    config.weight_decay = weight_decay
    config.decay = decay  # share of the training at whose end the rate falls to 0; 1: from the warm-up on
    return config


def _resnet() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.widths = (32, 64, 128)  # channels of each stage
    config.strides = (1, 2, 2)  # of each stage
    config.stem_stride = 2  # of the first convolution
    return config


def _efficientnet() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.output_stride = 32  # image pixels a pixel of the last feature map: 8, 16 or 32
    return config
