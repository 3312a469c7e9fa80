/** Why a part was not inspected, in both languages, short enough for a tile. A code that is missing in one does not compile. */

import type { UninspectedReason } from '../../errors.ts';

const en: Readonly<Record<UninspectedReason, string>> = {
  bad_image: 'picture broken',
  unsupported_format: 'picture format not known',
  image_too_large: 'picture too large',
  roi_outside_image: 'region outside the picture',
  roi_too_small: 'region smaller than a pixel',
  unknown_recipe: 'recipe not known',
  queue_full: 'waiting line full',
  deadline_exceeded: 'out of time',
  cancelled: 'sender gave up',
  draining: 'service was ending',
  engine_unavailable: 'no engine at work',
  engine_failed: 'engine failed',
  model_output_invalid: 'no valid score',
  frozen_camera: 'camera frozen',
};

const zh: Readonly<Record<UninspectedReason, string>> = {
  bad_image: '图片损坏',
  unsupported_format: '图片格式未知',
  image_too_large: '图片过大',
  roi_outside_image: '检测区域超出图片',
  roi_too_small: '检测区域小于一个像素',
  unknown_recipe: '配方未知',
  queue_full: '等待队列已满',
  deadline_exceeded: '超时',
  cancelled: '发送方已放弃',
  draining: '服务正在停止',
  engine_unavailable: '没有引擎在工作',
  engine_failed: '推理引擎失败',
  model_output_invalid: '模型输出无效',
  frozen_camera: '相机画面冻结',
};

type Reasons = Readonly<Record<string, string>>;

/** By the code of docs/errors.md. */
export const REASONS: { readonly en: Reasons; readonly zh: Reasons } = { en, zh };
