import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'

/** Serves `grpc.reflection` v1 and v1alpha for these services and every type they reach. */
export function addGrpcReflection(server: Server, services: readonly DescService[]): void {
  const files = new Map<string, DescFile>()
  const collect = (file: DescFile): void => {
    if (files.has(file.name)) return
    files.set(file.name, file)
    file.dependencies.forEach(collect)
  }
  for (const { file } of services) collect(file)
  const fileDescriptorProtos = [...files.values()].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  )
  // The library reads nothing but the descriptor bytes of a package definition.
  const definition = { all: { format: '', type: {}, fileDescriptorProtos } }
  new ReflectionService(definition as never).addToServer(server)
}
