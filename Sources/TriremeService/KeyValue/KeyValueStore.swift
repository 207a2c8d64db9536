// The state machine of the key-value service: strings under string keys. Called by the thread that executes.
import Trireme

/// Keys and values of any bytes, with the operations of ``KeyValueOperation``; replies are RESP2.
///
/// Nothing is allocated or reference-counted for a command once the memory has grown to the size of the data. Cost of a
/// short command at ten million keys: about 0.1 µs, for three cache misses that overlap within a group of commands.
package struct KeyValueStore: StateMachine, ~Copyable {
    var table = KeyValueTable()
    var arena = KeyValueArena()
    let limits: KeyValueLimits
    private let seed: UInt64
    /// The sum of the records' digests: it depends on what is there, not on how it came there.
    var sum: UInt64 = 0
    /// Bytes of pieces and slots in use. Depends on the state alone, so that replicas refuse alike.
    package internal(set) var usedBytes = 0
    /// The snapshot that is being written, if one is (KeyValueStore+Snapshot.swift).
    var cursor = KeyValueCursor()
    /// What is given back to the system bit by bit.
    var waste = KeyValueWaste()
    /// The restore that is under way.
    var restoring = KeyValueRestore()

    /// An empty store. `limits` and `seed` must be the same at all replicas.
    package init(limits: KeyValueLimits = KeyValueLimits(), seed: UInt64 = 0x5452_4952_454D_4531) {
        precondition(limits.keyBytes <= KeyValueRecord.keyBytesMaximum, "a record has no room for so long a key")
        self.limits = limits
        self.seed = seed
    }

    package var count: Int { table.count }
    package var digest: UInt64 { sum &+ UInt64(table.count) &* 0x9E37_79B9_7F4A_7C15 }
    /// Bytes that the values' memory was given by the system.
    package var reservedBytes: Int { arena.reservedBytes }

    /// Commands that are decoded before the first of them is executed, so that their cache misses overlap.
    private static let group = 16

    package mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        if !waste.isEmpty { waste.release() }
        var commands = batch.commands
        var bytes = InlineArray<16, UnsafeRawBufferPointer>(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
        var hashes = InlineArray<16, UInt64>(repeating: 0)
        while true {
            var count = 0
            while count < Self.group, let command = commands.next() {
                // The batch outlives this call, and the pointers do not.
                bytes[count] = command.withUnsafeBytes { $0 }
                if let command = KeyValueCommand(bytes[count]), command.count > 0 {
                    hashes[count] = hash(command.first)
                    table.prefetchSlot(hashes[count])
                } else {
                    hashes[count] = 0
                }
                count &+= 1
            }
            for index in 0..<count { table.prefetchRecord(hashes[index]) }
            for index in 0..<count { execute(bytes[index], hashes[index], &replies) }
            if count < Self.group { return }
        }
    }

    @inline(__always)
    func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        KeyValueTable.nonZero(KeyValueHash.hash(key, seed: seed))
    }

    private mutating func execute(_ bytes: UnsafeRawBufferPointer, _ hash: UInt64, _ replies: inout ReplyWriter) {
        guard let command = KeyValueCommand(bytes) else { return replies.write("-ERR malformed command\r\n") }
        if command.operation.isRead, !replies.isWanted { return }
        switch command.operation {
        case .get: get(command.first, hash, &replies)
        case .set: set(command, hash, &replies)
        case .delete: delete(command, &replies)
        case .exists: exists(command, &replies)
        case .add: add(command, hash, &replies)
        case .append: append(command, hash, &replies)
        case .valueLength: replies.write(integer: Int64(table.find(command.first, hash)?.record.valueBytes ?? 0))
        case .getMany: getMany(command, &replies)
        case .setMany: setMany(command, &replies)
        case .count: replies.write(integer: Int64(table.count))
        case .removeAll:
            removeAll()
            replies.write("+OK\r\n")
        }
    }
}

// MARK: Reads

extension KeyValueStore {
    private func get(_ key: UnsafeRawBufferPointer, _ hash: UInt64, _ replies: inout ReplyWriter) {
        if let place = table.find(key, hash) {
            replies.write(bulk: place.record.value)
        } else {
            replies.write("$-1\r\n")
        }
    }

    private func exists(_ command: KeyValueCommand, _ replies: inout ReplyWriter) {
        var found: Int64 = 0
        var keys = command.arguments
        while let key = keys.take() { if table.find(key, hash(key)) != nil { found += 1 } }
        replies.write(integer: found)
    }

    private func getMany(_ command: KeyValueCommand, _ replies: inout ReplyWriter) {
        // Only the replica that replies comes here, so what it refuses is its own affair.
        var total = 0
        var keys = command.arguments
        while let key = keys.take() { total += 16 + (table.find(key, hash(key))?.record.valueBytes ?? 0) }
        guard total <= limits.replyBytes else {
            replies.append("-ERR the reply would exceed the limit of ")
            replies.append(decimal: Int64(limits.replyBytes))
            replies.append(" bytes\r\n")
            return replies.finish()
        }
        replies.append("*")
        replies.append(decimal: Int64(command.count))
        replies.append("\r\n")
        keys = command.arguments
        while let key = keys.take() {
            if let place = table.find(key, hash(key)) {
                replies.appendBulk(place.record.value)
            } else {
                replies.appendNull()
            }
        }
        replies.finish()
    }
}

// MARK: Writes

extension KeyValueStore {
    private mutating func set(_ command: KeyValueCommand, _ hash: UInt64, _ replies: inout ReplyWriter) {
        let (key, value) = (command.first, command.second)
        let place = table.find(key, hash)
        guard admit(key, value.count, place, &replies) else { return }
        let isRefused =
            command.flags.contains(.ifAbsent) && place != nil || command.flags.contains(.ifPresent) && place == nil
        if command.flags.contains(.returnOld) {
            if let place { replies.write(bulk: place.record.value) } else { replies.write("$-1\r\n") }
        } else if isRefused {
            replies.write("$-1\r\n")
        } else {
            replies.write("+OK\r\n")
        }
        if !isRefused { store(key, hash, value, place) }
    }

    private mutating func delete(_ command: KeyValueCommand, _ replies: inout ReplyWriter) {
        var removed: Int64 = 0
        var keys = command.arguments
        while let key = keys.take() {
            let hash = hash(key)
            guard let place = table.find(key, hash) else { continue }
            preserve(place.record)
            sum &-= place.record.digest
            usedBytes -= Self.cost(key.count, place.record.valueBytes)
            table.remove(place, hash)
            arena.deallocate(place.record.base, place.record.sizeClass)
            removed += 1
        }
        replies.write(integer: removed)
    }

    private mutating func add(_ command: KeyValueCommand, _ hash: UInt64, _ replies: inout ReplyWriter) {
        let place = table.find(command.first, hash)
        guard let old = place.map({ parseInteger($0.record.value) }) ?? 0 else {
            return replies.write("-ERR value is not an integer or out of range\r\n")
        }
        let (new, overflow) = old.addingReportingOverflow(command.amount)
        guard !overflow else { return replies.write("-ERR increment or decrement would overflow\r\n") }
        withDecimal(new) { digits in
            guard admit(command.first, digits.count, place, &replies) else { return }
            store(command.first, hash, digits, place)
            replies.write(integer: new)
        }
    }

    private mutating func append(_ command: KeyValueCommand, _ hash: UInt64, _ replies: inout ReplyWriter) {
        let (key, tail) = (command.first, command.second)
        let place = table.find(key, hash)
        guard let place else {
            guard admit(key, tail.count, nil, &replies) else { return }
            store(key, hash, tail, nil)
            return replies.write(integer: Int64(tail.count))
        }
        let length = place.record.valueBytes + tail.count
        guard admit(key, length, place, &replies) else { return }
        let record = resize(place, hash, valueBytes: length)
        UnsafeMutableRawBufferPointer(start: record.valueStart + (length - tail.count), count: tail.count).copyMemory(
            from: tail)
        seal(record, hash)
        replies.write(integer: Int64(length))
    }

    private mutating func setMany(_ command: KeyValueCommand, _ replies: inout ReplyWriter) {
        // All or nothing: everything is looked at before anything changes.
        var needed = 0
        var pairs = command.arguments
        while let key = pairs.take(), let value = pairs.take() {
            guard admit(key, value.count, nil, &replies) else { return }
            needed += Self.cost(key.count, value.count)
        }
        guard needed <= limits.memoryBytes - usedBytes else { return refuseMemory(&replies) }
        pairs = command.arguments
        while let key = pairs.take(), let value = pairs.take() {
            let hash = hash(key)
            store(key, hash, value, table.find(key, hash))
        }
        replies.write("+OK\r\n")
    }

    /// Takes no longer for many keys than for few: what was there is given back bit by bit.
    mutating func removeAll() {
        var oldTable = KeyValueTable()
        var oldArena = KeyValueArena()
        swap(&table, &oldTable)
        swap(&arena, &oldArena)
        let old = FrozenStore(oldTable, oldArena)
        // A snapshot goes on in what is put away; no copy is made.
        if cursor.isActive, cursor.frozen == nil { cursor.freeze(old) } else { waste.add(old) }
        sum = 0
        usedBytes = 0
    }
}

// MARK: Records

extension KeyValueStore {
    /// Memory that is counted for a record: its piece, and a slot with its share of empty ones.
    private static func cost(_ keyBytes: Int, _ valueBytes: Int) -> Int {
        KeyValueArena.pieceBytes(KeyValueRecord.sizeClass(keyBytes, valueBytes)) + 32
    }

    /// Whether a value of this size may be stored under the key. If not, it has been answered.
    @inline(__always)
    private func admit(
        _ key: UnsafeRawBufferPointer, _ valueBytes: Int, _ place: KeyValueTable.Place?, _ replies: inout ReplyWriter
    ) -> Bool {
        guard key.count <= limits.keyBytes, valueBytes <= limits.valueBytes else {
            refuseSize(key.count, &replies)
            return false
        }
        if limits.memoryBytes == .max { return true }
        let old = place.map { Self.cost(key.count, $0.record.valueBytes) } ?? 0
        if Self.cost(key.count, valueBytes) - old <= limits.memoryBytes - usedBytes { return true }
        refuseMemory(&replies)
        return false
    }

    private func refuseSize(_ keyBytes: Int, _ replies: inout ReplyWriter) {
        let isKey = keyBytes > limits.keyBytes
        replies.append(isKey ? "-ERR key exceeds the limit of " : "-ERR value exceeds the limit of ")
        replies.append(decimal: Int64(isKey ? limits.keyBytes : limits.valueBytes))
        replies.append(" bytes\r\n")
        replies.finish()
    }

    private func refuseMemory(_ replies: inout ReplyWriter) {
        replies.write("-OOM command not allowed when used memory > 'maxmemory'.\r\n")
    }

    /// Sets the value, whether the key was there (`place`) or not.
    mutating func store(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ value: UnsafeRawBufferPointer, _ place: KeyValueTable.Place?
    ) {
        let record: KeyValueRecord
        if let place {
            record = resize(place, hash, valueBytes: value.count)
        } else {
            record = KeyValueRecord(arena.allocate(KeyValueRecord.sizeClass(key.count, value.count)))
            record.setKeyBytes(key.count, mark: cursor.mark)
            record.valueBytes = value.count
            UnsafeMutableRawBufferPointer(start: record.keyStart, count: key.count).copyMemory(from: key)
            usedBytes += Self.cost(key.count, value.count)
            table.insert(record, hash)
        }
        UnsafeMutableRawBufferPointer(start: record.valueStart, count: value.count).copyMemory(from: value)
        seal(record, hash)
    }

    /// Gives a record room for a value of another length; what fits of the old value stays. Its digest no longer counts.
    private mutating func resize(_ place: KeyValueTable.Place, _ hash: UInt64, valueBytes: Int) -> KeyValueRecord {
        let old = place.record
        preserve(old)
        sum &-= old.digest
        let (oldClass, newClass) = (old.sizeClass, KeyValueRecord.sizeClass(old.keyBytes, valueBytes))
        if oldClass == newClass {
            old.valueBytes = valueBytes
            return old
        }
        usedBytes += KeyValueArena.pieceBytes(newClass) - KeyValueArena.pieceBytes(oldClass)
        let record = KeyValueRecord(arena.allocate(newClass))
        record.base.copyMemory(
            from: old.base, byteCount: KeyValueRecord.headerBytes + old.keyBytes + min(old.valueBytes, valueBytes))
        record.valueBytes = valueBytes
        table.replace(place, record, hash)
        arena.deallocate(old.base, oldClass)
        return record
    }

    /// Counts a record whose value is complete in the digest.
    @inline(__always)
    private mutating func seal(_ record: KeyValueRecord, _ hash: UInt64) {
        record.digest = KeyValueHash.hash(record.value, seed: hash)
        sum &+= record.digest
    }
}
