/**
 * Server reflection that strict clients accept. What proto-loader 0.8 makes of a contract leaves out which file needs which
 * and the JSON names, and names map entries `Tags` where the language says `TagsEntry` (grpc/grpc-node#2595): grpcurl and every client on Go's
 * protobuf then refuse the whole service. All is put right here before the descriptors are served; goes when the loader
 * writes them itself.
 */

import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { messageOf } from '../wire/contract.ts';

interface FieldDescriptor {
  readonly name: string;
  readonly typeName?: string;
}

interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly FieldDescriptor[];
  readonly nestedType?: readonly MessageDescriptor[];
  readonly options?: { readonly mapEntry?: boolean };
}

interface FileDescriptor {
  readonly name: string;
  readonly package: string;
  readonly messageType?: readonly MessageDescriptor[];
}

type Definition = PackageDefinition[string];

const descriptorPackage = loadSync('google/protobuf/descriptor.proto', { enums: String, longs: String });
const fileDescriptor = messageOf(descriptorPackage, 'google.protobuf.FileDescriptorProto');

/** Reflection v1 and v1alpha over everything in `contract`. */
export function reflectionOf(contract: PackageDefinition): ReflectionService {
  const files = new Map<string, FileDescriptor>();
  for (const bytes of Object.values(contract)
    .filter(isMessage)
    .flatMap((message) => message.fileDescriptorProtos)) {
    const file = fileDescriptor.decode(bytes) as FileDescriptor;
    files.set(file.name, { ...file, messageType: (file.messageType ?? []).map(completed) });
  }
  const complete = [...files.values()].map((file) => {
    const dependency = [...files.values()].filter((other) => needs(file, other)).map((other) => other.name);
    return fileDescriptor.encode({ ...file, dependency });
  });
  const whole = Object.entries(contract).map(([name, definition]) => {
    if (!isMessage(definition)) return [name, definition] as const;
    return [name, { ...definition, fileDescriptorProtos: complete }] as const;
  });
  return new ReflectionService(Object.fromEntries(whole));
}

function isMessage(definition: Definition): definition is MessageTypeDefinition<object, object> {
  return 'serialize' in definition && 'fileDescriptorProtos' in definition;
}

function completed(message: MessageDescriptor): MessageDescriptor {
  const nested = (message.nestedType ?? []).map(completed);
  const entries = new Set(nested.filter((inner) => inner.options?.mapEntry === true).map((inner) => inner.name));
  const isEntry = (name: string | undefined): name is string => name !== undefined && entries.has(name);
  return {
    ...message,
    field: (message.field ?? []).map((field) => {
      const named = { ...field, jsonName: jsonNameOf(field.name) };
      return isEntry(field.typeName) ? { ...named, typeName: `${field.typeName}Entry` } : named;
    }),
    nestedType: nested.map((inner) => (isEntry(inner.name) ? { ...inner, name: `${inner.name}Entry` } : inner)),
  };
}

/** `defect_probability` as JSON has it: `defectProbability`. */
function jsonNameOf(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function needs(file: FileDescriptor, other: FileDescriptor): boolean {
  const prefix = `${other.package}.`;
  return other.name !== file.name && typesIn(file.messageType ?? []).some((type) => type.startsWith(prefix));
}

function typesIn(messages: readonly MessageDescriptor[]): readonly string[] {
  return messages.flatMap((message) => [
    ...(message.field ?? []).flatMap((field) => (field.typeName === undefined ? [] : [field.typeName])),
    ...typesIn(message.nestedType ?? []),
  ]);
}
