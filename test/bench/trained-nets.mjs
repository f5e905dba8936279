/**
 * The trained nets of the shared folder that the codec is measured on: how each wants its pictures, what it is calibrated on and
 * what it is judged by. The two never share a picture.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openDataset } from 'fqz';

export const shared = (path) => fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));

const PHOTOS = {
  spec: ['images', 'data/imagenet-sample', ''],
  test: ['images', 'data/imagenet-sample', ''],
  count: 30,
};
const MNIST = { spec: ['mnist', 'data/mnist', ':train'], test: ['mnist', 'data/mnist', ''], count: 512 };
const CIFAR = {
  spec: ['cifar10', 'data/cifar10/train_10000.bin.gz', ''],
  test: ['cifar10', 'data/cifar10/test_2000.bin.gz', ''],
  count: 512,
};
const GREY = { mean: [0.1307], std: [0.3081] };

/**
 * By what others call them. `preparation` and `size` are as in `fqz eval`; `judged` is how many of the pictures to judge by are
 * enough; `classes` says that the first output tells classes, `labelled` that they are the labels of the data.
 */
export const NETS = [
  {
    // The ImageNet mean and deviation of torchvision, as akamaster's trainer.py has them.
    name: 'ResNet-20',
    file: 'cifar10-resnet20-akamaster',
    data: CIFAR,
    preparation: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    judged: 2000,
    classes: true,
    labelled: true,
  },
  {
    // Trained that way.
    name: 'LeNet-5',
    file: 'lenet5-mnist',
    data: MNIST,
    preparation: GREY,
    judged: 10_000,
    classes: true,
    labelled: true,
  },
  {
    // Found by trial: 96.2 % of the test set, against 73 % for 0..1 and 86 % for −1..1.
    name: 'ViT',
    file: 'mnist-vit-6l-researchase',
    data: MNIST,
    preparation: GREY,
    judged: 2000,
    classes: true,
    labelled: true,
  },
  {
    // BGR minus the mean of Caffe's ImageNet.
    name: 'SqueezeNet',
    file: 'squeezenet-fp16-imagenet-winml',
    data: PHOTOS,
    preparation: { scale: 1, mean: [104, 117, 123], channels: 'bgr' },
    judged: 70,
    classes: true,
    labelled: true,
  },
  {
    // nsfwjs divides the pixels by 255.
    name: 'MobileNetV2',
    file: 'mobilenetv2-nsfwjs-keras3export',
    data: PHOTOS,
    preparation: {},
    judged: 70,
    classes: true,
  },
  {
    // Darknet's load_image: RGB, 0 to 1. Its classes are in the order of ILSVRC's development kit, not that of the photos' names.
    name: 'Tiny Darknet',
    file: 'darknet-tiny-imagenet-ml5',
    data: PHOTOS,
    preparation: {},
    judged: 70,
    classes: true,
  },
  {
    // detect_imgs_onnx.py: (RGB − 127) / 128.
    name: 'UltraFace',
    file: 'ultraface-version-RFB-320_simplified',
    data: PHOTOS,
    preparation: { scale: 1, mean: [127], std: [128] },
    judged: 70,
  },
  {
    // YOLOX since 0.1.1: BGR, 0 to 255.
    name: 'YOLOX-nano',
    file: 'yolox-nano',
    data: PHOTOS,
    preparation: { scale: 1, channels: 'bgr' },
    judged: 40,
  },
  {
    // PyTorch's super-resolution tutorial: the luma of 224×224 pixels, 0 to 1.
    name: 'ESPCN',
    file: 'superres-espcn-core',
    data: PHOTOS,
    preparation: {},
    size: [224, 224],
    judged: 40,
  },
  {
    // fast_neural_style: 0 to 255.
    name: 'style-candy',
    file: 'style-candy-winml',
    data: { ...PHOTOS, count: 8 },
    preparation: { scale: 1 },
    judged: 8,
  },
];

/** The nets of which a word of the name begins so, in any case; all where nothing is given. Throws `RangeError` where there is none. */
export function netsNamed(beginning = '') {
  const wanted = beginning.toLowerCase();
  const begins = ({ name }) =>
    name.toLowerCase().startsWith(wanted) || name.split(/[ -]/).some((word) => word.toLowerCase().startsWith(wanted));
  const found = NETS.filter(begins);
  if (found.length === 0) throw new RangeError(`--net is the beginning of ${NETS.map(({ name }) => name).join(', ')}`);
  return found;
}

export const pathOf = ({ file }) => shared(`models/onnx/${file}.onnx`);

/** Whether model and data are here. */
export const isHere = (net) => [pathOf(net), shared(net.data.spec[1])].every((path) => existsSync(path));

/** The pictures to calibrate `net` on, and those to judge it by. */
export async function picturesFor({ data, judged }) {
  const open = ([kind, path, part]) => openDataset(`${kind}:${shared(path)}${part}`);
  const [samples, test] = [await open(data.spec), await open(data.test)];
  if (data.spec.join() !== data.test.join()) return { samples, test: spread(test, indices(test.count), judged) };
  // One set for both: three of ten pictures are for the calibration.
  const isSample = (index) => [0, 3, 6].includes(index % 10);
  return {
    samples: spread(samples, indices(samples.count).filter(isSample), data.count),
    test: spread(
      test,
      indices(test.count).filter((index) => !isSample(index)),
      judged,
    ),
  };
}

const indices = (count) => Array.from({ length: count }, (_, index) => index);

/** At most `most` of the pictures at `chosen`, evenly spaced. */
function spread(dataset, chosen, most) {
  const count = Math.min(most, chosen.length);
  const at = (index) => chosen[Math.floor((index * chosen.length) / count)];
  return { ...dataset, count, sample: (index) => dataset.sample(at(index)) };
}
