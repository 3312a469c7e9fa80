/** Words of deciding a result again, in both languages. */

import { useSettings } from './settings.ts';

const en = {
  proofSheet: 'Proof sheet',
  replay: 'Decide again',
  same: (score: string) => `Decided again just now: the same (score ${score}).`,
  different: (detail: string) => `Decided again just now: NOT the same. ${detail}`,
  not: (why: string, detail: string) => `Cannot be decided again: ${why} (${detail}).`,
  whyNot: {
    not_inspected: 'it was not inspected',
    input_not_recorded: 'what the model saw is not recorded',
    image_not_kept: 'its picture was not kept',
    image_removed: 'its picture was deleted',
    image_missing: 'the file of its picture is missing',
    image_altered: 'its picture was changed',
    model_missing: 'its model is gone',
    model_changed: 'its model was changed',
    model_refused: 'its model does not run here',
  } as Readonly<Record<string, string>>,
};

export type ReplayWords = typeof en;

const zh: ReplayWords = {
  proofSheet: '证明文件',
  replay: '重新判定',
  same: (score) => `刚刚重新判定：结果一致（分数 ${score}）。`,
  different: (detail) => `刚刚重新判定：结果不一致。${detail}`,
  not: (why, detail) => `无法重新判定：${why}（${detail}）`,
  whyNot: {
    not_inspected: '当时未检测',
    input_not_recorded: '没有记录模型的输入区域',
    image_not_kept: '图片未保存',
    image_removed: '图片已删除',
    image_missing: '图片文件缺失',
    image_altered: '图片已被改动',
    model_missing: '模型已不存在',
    model_changed: '模型已被改动',
    model_refused: '模型无法在此运行',
  },
};

export function useReplayWords(): ReplayWords {
  return useSettings().language === 'zh' ? zh : en;
}
