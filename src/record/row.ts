/** One row of the ledger, as SQLite gives it. */

/** Columns of `results` in the declared order of the chain's encoding; `chain_hash` itself comes last. */
export interface Row {
  readonly ledger_seq: number;
  readonly result_id: string;
  readonly camera_id: string;
  readonly frame_id: string;
  /** Decimal: int64 does not fit a number. */
  readonly sequence: string | null;
  readonly part_id: string | null;
  readonly job_id: string | null;
  readonly product_id: string | null;
  readonly meas_id: string | null;
  readonly captured_at: number | null;
  readonly received_at: number;
  readonly decided_at: number;
  readonly transport: string;
  readonly verdict: string;
  readonly reason: string | null;
  readonly reason_detail: string | null;
  readonly disposition: string;
  readonly defect_probability: number | null;
  readonly recipe_id: string | null;
  readonly pass_below: number | null;
  readonly fail_above: number | null;
  readonly model_name: string | null;
  readonly model_version: string | null;
  readonly model_sha256: string | null;
  readonly provider: string | null;
  readonly queue_ms: number | null;
  readonly decode_ms: number | null;
  readonly infer_ms: number | null;
  readonly total_ms: number;
  readonly image_sha256: string;
  readonly image_bytes: number;
  readonly image_media_type: string;
  readonly image_path: string | null;
  readonly tags: string;
  readonly is_simulated: number;
  readonly chain_version: number;
  /** JSON: `[x, y, width, height]` or `"whole"`; null where nothing was scored, or recorded before it was kept. */
  readonly roi: string | null;
  /** Set exactly where `roi` is. */
  readonly contract_sha256: string | null;
  readonly model_variant: string | null;
  readonly unfamiliarity: number | null;
  readonly chain_hash: string;
}

export type HashedColumn = Exclude<keyof Row, 'chain_hash'>;
