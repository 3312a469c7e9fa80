/** The demo's cameras: two on each road. */

export const DEMO_CAMERAS = [
  { id: 'demo-grpc-1', road: 'grpc' },
  { id: 'demo-grpc-2', road: 'grpc' },
  { id: 'demo-mqtt-1', road: 'mqtt' },
  { id: 'demo-mqtt-2', road: 'mqtt' },
] as const;
