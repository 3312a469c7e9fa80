/** A plain TCP proxy whose connections a test can cut. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class TcpProxy {
  port = 0;
  /** Connections refused for their version. */
  refused = 0;
  private left: number | null = null;
  private refusesVersion5 = false;
  private readonly target: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(target: number) {
    this.target = target;
    this.server = createServer((near) => {
      const far = connect(this.target, '127.0.0.1');
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          this.sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.once('data', (first) => this.meet(first, near, far));
    });
  }

  /** Ends the connection that brings the next bytes from the target once it has passed `bytes` of them on. Once. */
  cutAfter(bytes: number): void {
    this.left = bytes;
  }

  /** Answers a CONNECT of MQTT 5 as a broker of 3.1.1 does: unacceptable protocol version. */
  refuseVersion5(): void {
    this.refusesVersion5 = true;
  }

  private meet(first: Buffer, near: Socket, far: Socket): void {
    const name = first.indexOf('MQTT');
    if (this.refusesVersion5 && first[name + 4] === 5) {
      this.refused += 1;
      near.end(Buffer.from([0x20, 2, 0, 1]));
      return;
    }
    far.write(first);
    near.pipe(far);
    far.on('data', (data) => {
      if (this.left !== null && data.length >= this.left) {
        near.write(data.subarray(0, this.left), () => near.destroy());
        this.left = null;
        return;
      }
      if (this.left !== null) this.left -= data.length;
      if (!near.write(data)) {
        far.pause();
        near.once('drain', () => far.resume());
      }
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut();
    await closed;
  }
}
