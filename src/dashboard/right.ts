/** What a request may need. */

export type Right = 'ingest' | 'read' | 'review' | 'admin';

/** `open` routes answer everyone. */
export type RouteRight = Right | 'open';
