/** How a picture looks to the model, in three numbers: enough to notice a lamp, a lens or a focus that has changed. */
export interface ImageLook {
  /** Mean grey level, 0..255. */
  readonly brightness: number;
  /** Standard deviation of the grey level. */
  readonly contrast: number;
  /** Variance of the Laplacian: falls when the picture gets blurred. */
  readonly focus: number;
}
