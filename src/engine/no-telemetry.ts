/**
 * Imported before onnxruntime, whose builds from 1.29 on send usage to their maker (and keep a device id and a queue of unsent
 * events below the home folder) unless this is set before the library is loaded. Loupe talks to nobody it was not told of.
 */

process.env['ORT_DISABLE_TELEMETRY'] = '1';
