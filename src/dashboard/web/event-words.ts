/** What a warning or an error in the log means, and what to do about it, in both languages. A test knows when one is missing. */

interface Advice {
  readonly what: string;
  readonly todo: string;
}

/** By the name of the event. */
export type Advices = Readonly<Record<string, Advice>>;

const en = {
  store_unavailable: {
    what: 'The store cannot be written',
    todo: 'Free space on its disk or mount it writable. Nothing is acknowledged until then; it recovers by itself.',
  },
  outbox_dropped: {
    what: 'Results were given up undelivered',
    todo: 'The broker was away for longer than mqtt.outbox_max_age_hours. They are in the ledger: export them on Results.',
  },
  orphans_left: { what: 'Pictures without a row lie in the store', todo: 'loupe verify lists them; nothing is lost.' },
  removal_failed: {
    what: 'A picture could not be deleted',
    todo: 'Look at the rights of the folder images in the store; the disk fills otherwise.',
  },
  thread_died: {
    what: 'A thread of the store ended',
    todo: 'The service starts it again. If it comes back, keep the log and report a bug.',
  },
  engine_lost: {
    what: 'An engine ended unasked',
    todo: 'Its frames were tried once more. Again and again: memory (dmesg), the GPU (nvidia-smi -q), the picture named here.',
  },
  engine_not_proven: {
    what: 'A model could not be proven',
    todo: 'Roll back on Models, or look at the package with loupe doctor. The stage tells: load, warm_up, golden.',
  },
  golden_failed: {
    what: 'Golden images scored wrong',
    todo: 'The engine was replaced. If it comes back: memory or GPU may be faulty; do not trust verdicts since the last good check.',
  },
  provider_degraded: {
    what: 'The GPU is not at work',
    todo: 'loupe doctor says what is missing. Is a CPU meant? Then set engine.provider: cpu.',
  },
  engine_stderr: {
    what: 'An engine complained',
    todo: 'Mostly harmless. Read the line; look for others at the same time.',
  },
  model_activation_refused: {
    what: 'A model was not put to work',
    todo: 'The old one serves on. The detail says why.',
  },
  drift_baselines_unreadable: {
    what: 'Drift baselines could not be read',
    todo: 'They are learned anew. Check the disk.',
  },
  drift_baselines_not_kept: {
    what: 'Drift baselines could not be written',
    todo: 'Check space and rights of the store.',
  },
  heat_map_failed: { what: 'A heat map could not be made', todo: 'Verdicts are not touched by this.' },
  heat_map_not_kept: { what: 'A heat map could not be written', todo: 'Check space and rights of the store.' },
  replay_not_the_same: {
    what: 'A result decided again was not the same',
    todo: 'Open the result. Picture changed, other onnxruntime, or memory at fault: run loupe replay over more of them.',
  },
  shadow_refused: {
    what: 'A model was not set beside the recipe',
    todo: 'It was not proven, or could not be noted; the reason is in the detail. The model at work decides on.',
  },
  shadow_not_resumed: { what: 'A watching model did not come back', todo: 'Set it beside the recipe again on Models.' },
  shadow_not_kept: { what: 'A disagreement could not be written', todo: 'Check space and rights of the store.' },
  grpc_call_failed: { what: 'A gRPC call failed inside the service', todo: 'Keep the log and report a bug.' },
  plant_connection_idle: {
    what: 'The broker says nothing',
    todo: 'Check network and broker; the service connects again by itself.',
  },
  results_given_up: {
    what: 'Results were given up undelivered',
    todo: 'The broker refuses them for good. They are in the ledger: export them on Results.',
  },
  broker_login_refused: {
    what: 'Somebody could not sign in to the broker',
    todo: 'A camera with a wrong name or token: its user name is the name of the token.',
  },
  broker_full: {
    what: 'The broker has no place for another client',
    todo: 'Raise mqtt.embedded.max_clients, or find who connects too often. Whoever never logged in had to leave.',
  },
  tls_refused: {
    what: 'Somebody was not let in over TLS',
    todo: 'The detail has the address and the reason. A camera needs a valid certificate of client_ca_file; a client has to trust the one shown here.',
  },
  broker_client_failed: { what: 'An MQTT client broke the protocol', todo: 'Look at that client; the others go on.' },
  plant_disconnected: { what: 'The broker is away', todo: 'Check network and broker. Frames over gRPC go on.' },
  sink_disconnected: { what: 'The broker is away', todo: 'Check network and broker. Results wait in the outbox.' },
  reply_refused: { what: 'The broker refused a reply', todo: 'Give the service the right to publish to that topic.' },
  publish_failed: { what: 'A result could not be published', todo: 'It stays in the outbox and is sent again.' },
  topic_left_out: {
    what: 'The broker ends the connection over a topic',
    todo: 'Give the service the right to publish to it. Results are not held up.',
  },
  certificate_refused: {
    what: 'A new certificate cannot be used',
    todo: 'The old one stays at work. Write certificate and key that fit each other.',
  },
  certificate_expires: {
    what: 'A certificate ends soon',
    todo: 'Write a new pair over the files; no restart is needed.',
  },
  people_unknown: { what: 'Accounts cannot be read', todo: 'The store is away: nobody can sign in until it is back.' },
  audit_not_written: {
    what: 'A line of the audit log was lost',
    todo: 'The act stands; its line is in the log of the service only. Check the disk.',
  },
  frame_failed: {
    what: 'A frame failed inside the service',
    todo: 'It was answered NOT INSPECTED. Keep the log and report a bug.',
  },
  sequence_gap: {
    what: 'Frames of a camera never came',
    todo: 'Parts nobody saw. Check network and the buffer of the camera.',
  },
  http_request_failed: { what: 'A request failed inside the service', todo: 'Keep the log and report a bug.' },
  activations_not_noted: {
    what: 'The first models could not be noted',
    todo: 'Check the rights of the folder of the models.',
  },
  grpc_flood_cut: {
    what: 'A flood over gRPC was cut',
    todo: 'Calls taken back by the thousand, uploads that do not end, or too many connections: look at the program at that address.',
  },
  http_flood_cut: {
    what: 'A flood over HTTP was cut',
    todo: 'Too many connections (ss -tn, by address), or requests that did not wait for their answers: look at the program at that address.',
  },
  clock_jumped: {
    what: 'The clock of this machine jumped ahead',
    todo: 'Set it right (timedatectl). Until the new time has stood for a day, nothing is deleted for its age.',
  },
  systemd_not_told: { what: 'systemd could not be told', todo: 'Check NotifyAccess in the unit.' },
  ended_at_once: {
    what: 'The service was told twice to end',
    todo: 'Frames in flight were not answered; they come again.',
  },
  not_ended_in_time: {
    what: 'The service had to be ended by force',
    todo: 'Look at the disk of the store (dmesg). What was answered is committed; other frames come again.',
  },
  watchdog_withheld: { what: 'The service looks stuck', todo: 'systemd restarts it. Keep the log and report a bug.' },
} satisfies Advices;

const zh: Readonly<Record<keyof typeof en, Advice>> = {
  store_unavailable: {
    what: '存储不可写',
    todo: '请释放磁盘空间或以可写方式挂载。在此之前不作任何应答；恢复后自动继续。',
  },
  outbox_dropped: {
    what: '有结果未送达即被放弃',
    todo: '消息服务器离线超过 mqtt.outbox_max_age_hours。台账中仍有记录，可在“结果”页导出。',
  },
  orphans_left: { what: '存储中有无对应记录的图片', todo: '可用 loupe verify 列出；没有数据丢失。' },
  removal_failed: { what: '图片无法删除', todo: '请检查存储中 images 文件夹的权限，否则磁盘会写满。' },
  thread_died: { what: '存储线程意外结束', todo: '服务会自动重启该线程。若反复出现，请保存日志并报告。' },
  engine_lost: {
    what: '推理引擎意外结束',
    todo: '其图像已重试一次。若反复出现，请检查内存（dmesg）、GPU（nvidia-smi -q）和此处所列图片。',
  },
  engine_not_proven: {
    what: '模型未通过验证',
    todo: '请在“模型”页恢复上一个模型，或用 loupe doctor 检查。阶段：load 加载、warm_up 预热、golden 基准。',
  },
  golden_failed: {
    what: '基准图片得分错误',
    todo: '引擎已更换。若再次出现，内存或 GPU 可能有故障；上次检查合格之后的判定不可信。',
  },
  provider_degraded: {
    what: 'GPU 未工作',
    todo: '运行 loupe doctor 查看缺少什么。若本来就用 CPU，请设置 engine.provider: cpu。',
  },
  engine_stderr: { what: '推理引擎输出了提示', todo: '多数无害。请阅读内容，并查看同一时间的其他记录。' },
  model_activation_refused: { what: '模型未能启用', todo: '原模型继续工作。原因见详情。' },
  drift_baselines_unreadable: { what: '无法读取漂移基准', todo: '将重新学习。请检查磁盘。' },
  drift_baselines_not_kept: { what: '无法写入漂移基准', todo: '请检查存储的空间和权限。' },
  heat_map_failed: { what: '无法生成热力图', todo: '判定不受影响。' },
  heat_map_not_kept: { what: '无法写入热力图', todo: '请检查存储的空间和权限。' },
  replay_not_the_same: {
    what: '重新判定的结果不一致',
    todo: '请打开该结果。可能是图片被改动、onnxruntime 版本不同或内存故障：请用 loupe replay 检查更多结果。',
  },
  shadow_refused: { what: '旁路模型未能启动', todo: '模型未通过验证或无法记录，原因见详情。正在工作的模型继续判定。' },
  shadow_not_resumed: { what: '旁路模型未能恢复', todo: '请在“模型”页重新设置旁路试运行。' },
  shadow_not_kept: { what: '无法写入不一致记录', todo: '请检查存储的空间和权限。' },
  grpc_call_failed: { what: 'gRPC 调用在服务内部失败', todo: '请保存日志并报告。' },
  plant_connection_idle: { what: '消息服务器没有响应', todo: '请检查网络和消息服务器；服务会自动重连。' },
  results_given_up: { what: '有结果未送达即被放弃', todo: '消息服务器拒绝接收。台账中仍有记录，可在“结果”页导出。' },
  broker_login_refused: { what: '有客户端无法登录消息服务器', todo: '相机的名称或令牌有误：用户名即令牌的名称。' },
  broker_full: { what: '消息服务器已无空位', todo: '请增大 mqtt.embedded.max_clients，或找出连接过多的客户端。' },
  tls_refused: {
    what: '有连接未通过 TLS 验证',
    todo: '详情中有地址和原因。相机需要由 client_ca_file 签发的有效证书；客户端需要信任本服务的证书。',
  },
  broker_client_failed: { what: '有 MQTT 客户端违反协议', todo: '请检查该客户端；其他客户端不受影响。' },
  plant_disconnected: { what: '消息服务器离线', todo: '请检查网络和消息服务器。gRPC 图像照常处理。' },
  sink_disconnected: { what: '消息服务器离线', todo: '请检查网络和消息服务器。结果在发件箱中等待。' },
  reply_refused: { what: '消息服务器拒绝了应答', todo: '请授予服务向该主题发布的权限。' },
  publish_failed: { what: '结果未能发布', todo: '仍在发件箱中，会再次发送。' },
  topic_left_out: {
    what: '服务向某主题发布时，消息服务器断开连接',
    todo: '请授予服务向该主题发布的权限。结果的发送不受影响。',
  },
  certificate_refused: { what: '新证书无法使用', todo: '旧证书继续使用。请写入相互匹配的证书和私钥。' },
  certificate_expires: { what: '证书即将到期', todo: '请用新的证书和私钥覆盖原文件；无需重启。' },
  people_unknown: { what: '无法读取账户', todo: '存储不可用：恢复之前无人能登录。' },
  audit_not_written: { what: '有一行操作记录丢失', todo: '操作已生效，其记录仅在服务日志中。请检查磁盘。' },
  frame_failed: { what: '图像在服务内部处理失败', todo: '已应答为未检测。请保存日志并报告。' },
  sequence_gap: { what: '相机有图像未到达', todo: '这些零件没有被看到。请检查网络和相机缓存。' },
  http_request_failed: { what: '请求在服务内部失败', todo: '请保存日志并报告。' },
  activations_not_noted: { what: '首次模型启用未能记录', todo: '请检查模型文件夹的权限。' },
  grpc_flood_cut: { what: 'gRPC 洪泛已被切断', todo: '大量撤回调用、上传不结束或连接过多。请检查该地址上的程序。' },
  http_flood_cut: {
    what: 'HTTP 洪泛已被切断',
    todo: '连接过多（请用 ss -tn 按地址查找），或不等应答就连续发送请求。请检查该地址上的程序。',
  },
  clock_jumped: {
    what: '本机时钟突然超前',
    todo: '请校准时钟（timedatectl）。新时间持续一天之前，不会按时限删除任何内容。',
  },
  systemd_not_told: { what: '无法通知 systemd', todo: '请检查服务单元中的 NotifyAccess。' },
  ended_at_once: { what: '服务两次收到结束指令', todo: '处理中的图像未应答，会再次发送。' },
  not_ended_in_time: {
    what: '服务被强制结束',
    todo: '请检查存储所在的磁盘（dmesg）。已应答的结果均已保存，其余图像会再次发送。',
  },
  watchdog_withheld: { what: '服务似乎卡住', todo: 'systemd 会将其重启。请保存日志并报告。' },
};

export const ADVICES: { readonly en: Advices; readonly zh: Advices } = { en, zh };
