/** What the service refused, in both languages; its own sentence, in English, says the rest. A code that is missing in one does not compile. */

import type { RefusalCode } from '../../errors.ts';

const en: Readonly<Record<RefusalCode, string>> = {
  invalid_request: 'What was given is not accepted',
  unknown_camera: 'This camera is not known',
  too_many_cameras: 'There are too many cameras',
  rate_limited: 'Too many in too short a time',
  frame_id_conflict: 'Another picture, recipe or region has this frame id already',
  message_too_large: 'This is too large',
  result_not_found: 'There is no such result, or no longer',
  not_replayable: 'This cannot be made again from what is kept',
  busy: 'Too many wait for this; try again in a moment',
  model_not_found: 'There is no such model',
  model_exists: 'This version of the model is there already',
  model_in_use: 'The model is in use',
  model_refused: 'The model was refused; the one before goes on',
  recipe_not_found: 'There is no such recipe',
  cuts_changed: 'Somebody changed model or cuts meanwhile',
  user_not_found: 'There is no such account',
  user_exists: 'This name is taken',
  user_refused: 'This account may not be changed so',
  too_many_attempts: 'Too many wrong attempts; wait a while',
  unauthenticated: 'You are not signed in, or not any more',
  permission_denied: 'You may not do this, or not any more',
  store_unavailable: 'The store cannot be used now; try again later',
  shutting_down: 'The service is ending; try again later',
  internal: 'The service failed; its log says why',
};

const zh: Readonly<Record<RefusalCode, string>> = {
  invalid_request: '输入的内容不被接受',
  unknown_camera: '未知相机',
  too_many_cameras: '相机数量过多',
  rate_limited: '短时间内次数过多',
  frame_id_conflict: '该帧编号已用于另一张图片、配方或区域',
  message_too_large: '内容过大',
  result_not_found: '没有该结果，或已不存在',
  not_replayable: '无法根据所保存的内容重新得出',
  busy: '等待处理的请求过多，请稍后重试',
  model_not_found: '没有该模型',
  model_exists: '该模型版本已存在',
  model_in_use: '模型正在使用',
  model_refused: '模型被拒绝，原模型继续工作',
  recipe_not_found: '没有该配方',
  cuts_changed: '期间有人更改了模型或阈值',
  user_not_found: '没有该账户',
  user_exists: '该姓名已被使用',
  user_refused: '不允许这样更改账户',
  too_many_attempts: '错误次数过多，请稍候',
  unauthenticated: '您尚未登录，或登录已失效',
  permission_denied: '您没有权限执行此操作，或权限已被取消',
  store_unavailable: '存储暂不可用，请稍后重试',
  shutting_down: '服务正在停止，请稍后重试',
  internal: '服务内部出错，原因见其日志',
};

type Refusals = Readonly<Record<string, string>>;

/** By the code of docs/errors.md. */
export const REFUSALS: { readonly en: Refusals; readonly zh: Refusals } = { en, zh };
