// The same as objects. Names are those of the output's contract: further members may come, these stay.
import TriremeBench
import TriremeCore
import TriremeStorage

extension LogText {
    static func json(_ generation: Generation) -> JSON {
        .members(["epoch": .integer(Int(generation.epoch)), "counter": .integer(Int(generation.counter))])
    }
    static func json(_ ballot: Ballot) -> JSON {
        .members([
            "epoch": .integer(Int(ballot.epoch)), "round": .integer(Int(ballot.round)),
            "owner": .integer(ballot.owner.index), "kind": .string(ballot.kind == .fast ? "fast" : "classic"),
            "announced": .array(ballot.announced.members.map { .integer($0) }),
        ])
    }
    static func json(_ cut: Cut) -> JSON {
        .members([
            "epoch": .integer(Int(cut.epoch)), "timestampMicroseconds": .unsigned(cut.timestamp),
            "positions": .array(
                (0..<Limits.members).filter { !cut[$0].isEmpty }.map {
                    .members([
                        "lane": .integer($0), "generation": json(cut[$0].generation),
                        "sequence": .unsigned(cut[$0].sequence), "digest": .string(Format.hex(cut[$0].digest)),
                    ])
                }),
        ])
    }
    static func json(_ entry: Entry) -> JSON { entry.kind == .cut ? json(entry.cut) : .null }
    static func json(_ item: LogItem) -> JSON {
        switch item {
        case .promise(let ballot): .members(["item": "promise", "ballot": json(ballot)])
        case .vote(let slot, let ballot, let half, let entry):
            .members([
                "item": "vote", "slot": .unsigned(slot), "ballot": json(ballot),
                "half": .string(half == .fast ? "fast" : "classic"), "cut": json(entry),
            ])
        case .decided(let first, let last):
            .members(["item": "decided", "first": .unsigned(first), "last": .unsigned(last)])
        case .outstanding(let outstanding):
            .members([
                "item": "outstanding", "anyone": .bool(outstanding.mayBeAnyone),
                "named": .array(outstanding.named.members.filter { $0 < Limits.members }.map { .integer($0) }),
                "top": json(outstanding.top), "ended": json(outstanding.ended),
            ])
        case .closed(let slot, let ballot):
            .members(["item": "closed", "slot": .unsigned(slot), "ballot": json(ballot)])
        case .decidedEntry(let slot, let entry):
            .members(["item": "decidedEntry", "slot": .unsigned(slot), "cut": json(entry)])
        }
    }
    static func json(_ superblock: Superblock) -> JSON {
        .members([
            "update": .unsigned(superblock.sequence), "generation": json(superblock.generation),
            "logStart": .unsigned(superblock.logStart), "durableMark": .unsigned(superblock.durableMark),
            "isForgetful": .bool(superblock.isForgetful),
            "snapshot": superblock.snapshot.map {
                .members([
                    "file": .integer($0.file), "slot": .unsigned($0.slot), "bytes": .unsigned($0.lengthBytes),
                    "checksum": .string(checksum($0.checksum)), "cut": json($0.cut),
                ])
            } ?? .null,
        ])
    }
    static func json(_ copy: SuperblockCopy) -> JSON {
        switch copy {
        case .readable(let superblock): json(superblock)
        case .empty: "empty"
        case .unreadable: "unreadable"
        }
    }
    /// Whose log, and where it lies.
    static func json(_ path: String, _ superblock: Superblock, isInUse: Bool) -> JSON {
        .members([
            "directory": .string(path), "clusterID": .string(cluster(superblock.identity)),
            "replica": .integer(superblock.identity.replica.index), "group": .integer(Int(superblock.identity.group)),
            "segments": .integer(superblock.geometry.segments),
            "segmentBytes": .integer(superblock.geometry.segmentBytes), "isInUse": .bool(isInUse),
        ])
    }
    static func json(_ record: InspectedRecord) -> JSON {
        let header = record.header
        var members: [JSON.Member] = [
            .init(name: "offset", value: .unsigned(header.offset)),
            .init(name: "kind", value: .string(kind(header.kind))),
            .init(name: "writer", value: json(header.writer)),
            .init(name: "durableMark", value: .unsigned(header.durableMark)),
            .init(name: "payloadBytes", value: .integer(Int(header.content.payloadBytes))),
            .init(name: "paddingBytes", value: .integer(record.paddingBytes)),
            .init(name: "isWhole", value: .bool(record.isWhole)),
        ]
        if header.kind == .batch {
            members += [
                .init(name: "lane", value: .integer(header.content.lane.index)),
                .init(name: "generation", value: json(header.content.generation)),
                .init(name: "sequence", value: .unsigned(header.content.sequence)),
                .init(name: "commands", value: .integer(Int(header.content.count))),
                .init(name: "commandBytes", value: .integer(Int(header.content.stride))),
                .init(name: "digest", value: .string(Format.hex(header.content.digest))),
            ]
        } else if header.kind == .items {
            members.append(.init(name: "items", value: record.items.map { .array($0.map(json)) } ?? .null))
        }
        return .object(members)
    }
}
