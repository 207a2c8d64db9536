// What lies on the disks, seen from outside: which replica's image holds which batch, by its own records (PROTOCOL §4 ◆, §8 ◆).
import TriremeCore
import TriremeStorage

/// Follows every change of every disk. An acknowledged command lies under a `Q2` of disks when its client is answered, and from
/// then on at least one log or snapshot has it at every moment.
package final class DurableImages {
    private struct Name: Hashable {
        var lane: ReplicaID
        var generation: Generation
        var sequence: UInt64
    }
    /// Copies of a batch on each replica's disk: carried forward, it lies there twice for a while.
    private struct Holding {
        var copies = SIMD16<UInt8>(repeating: 0)
        /// The slot that executed it, once its clients were answered.
        var slot: UInt64?
        var set: MemberSet {
            var set = MemberSet()
            for i in 0..<Limits.members where copies[i] > 0 { set.insert(ReplicaID(i)) }
            return set
        }
    }
    /// A whole record of a batch at one place.
    private struct Record {
        var name: Name
        var first: Int
        var pages: Int
    }
    private struct Disk {
        let image: DiskImage
        /// Per segment and page, 1 + the index of the record that lies there.
        var places: [[Int32]]
        var records: [Record] = []
        var free: [Int32] = []
        /// What the superblock says, until it changes.
        var snapshotSlot: UInt64?
    }
    private let referee: Referee
    private let quorums: Quorums
    /// Their disks lose what they hold, or hold something else: they are not looked at, and pass for holding what they reported.
    private let frail: MemberSet
    @exclusivity(unchecked) private var disks: [Disk]
    @exclusivity(unchecked) private var holdings: [Name: Holding] = [:]
    /// Answered batches that no log holds any more, while a range is looked at.
    private var orphans: [Name] = []
    package private(set) var acknowledged = 0

    init(referee: Referee, quorums: Quorums, frail: MemberSet = MemberSet(), images: [DiskImage]) {
        self.referee = referee
        self.quorums = quorums
        self.frail = frail
        disks = images.map { image in
            Disk(
                image: image,
                places: image.files[3...].map { [Int32](repeating: 0, count: $0.bytes.count / Limits.pageBytes) })
        }
    }

    /// Bytes of a replica's file may have changed.
    func changed(_ replica: ReplicaID, _ file: Int, _ range: Range<Int>) {
        guard !frail.contains(replica) else { return }
        let i = replica.index
        guard file > 2 else {
            if file == 0 { disks[i].snapshotSlot = nil }
            return
        }
        let segment = file - 3
        let pages = range.lowerBound / Limits.pageBytes..<(range.upperBound + Limits.pageBytes - 1) / Limits.pageBytes
        for page in pages where disks[i].places[segment][page] != 0 { remove(i, segment, page) }
        var page = pages.lowerBound
        while page < pages.upperBound { page += add(i, segment, page) }
        guard !orphans.isEmpty else { return }
        for name in orphans { checkOrphan(name, i) }
        orphans.removeAll(keepingCapacity: true)
    }
    /// No log holds it any more: some durable snapshot covers it. So few disks are bad that of each Q2 one is not.
    private func checkOrphan(_ name: Name, _ i: Int) {
        guard let holding = holdings[name], let slot = holding.slot, holding.set.bits == 0 else { return }
        referee.demand(
            disks.indices.contains { !frail.contains(ReplicaID($0)) && snapshotSlot($0) >= slot },
            "the last log that held batch \(name.lane)/\(name.generation):\(name.sequence) of slot \(slot), whose clients were "
                + "answered, loses it at replica \(i), and no snapshot covers it")
    }

    /// Notes the record that begins at a page, if a whole batch does. Returns how many pages to go on by.
    private func add(_ i: Int, _ segment: Int, _ page: Int) -> Int {
        let found: (Name, Int)? = disks[i].image.files[3 + segment].bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress! + page * Limits.pageBytes
            guard RecordHeader.hasMagic(base), let header = RecordHeader(base), header.kind == .batch,
                Int(header.offset % UInt64(bytes.count)) == page * Limits.pageBytes,
                page * Limits.pageBytes + header.recordBytes <= bytes.count, header.payloadHolds(base)
            else { return nil }
            let batch = header.content
            return (
                Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence),
                header.recordBytes / Limits.pageBytes
            )
        }
        guard let (name, pages) = found else { return 1 }
        for p in page..<page + pages where disks[i].places[segment][p] != 0 { remove(i, segment, p) }
        let record = Record(name: name, first: page, pages: pages)
        let index: Int32
        if let free = disks[i].free.popLast() {
            index = free
            disks[i].records[Int(index)] = record
        } else {
            index = Int32(disks[i].records.count)
            disks[i].records.append(record)
        }
        for p in page..<page + pages { disks[i].places[segment][p] = index + 1 }
        holdings[name, default: Holding()].copies[i] += 1
        return pages
    }

    private func remove(_ i: Int, _ segment: Int, _ page: Int) {
        let index = disks[i].places[segment][page] - 1
        let record = disks[i].records[Int(index)]
        for p in record.first..<record.first + record.pages { disks[i].places[segment][p] = 0 }
        disks[i].free.append(index)
        holdings[record.name]!.copies[i] -= 1
        let left = holdings[record.name]!
        if left.slot != nil, left.set.bits == 0 { orphans.append(record.name) }
    }

    /// The slot of the snapshot that the newest readable copy of a disk's superblock names.
    private func snapshotSlot(_ i: Int) -> UInt64 {
        if let known = disks[i].snapshotSlot { return known }
        var newest: Superblock?
        for copy in 0..<4 {
            let read: Superblock? = withUnsafeTemporaryAllocation(byteCount: Limits.pageBytes, alignment: 16) { page in
                disks[i].image.files[0].bytes.withUnsafeBytes {
                    page.baseAddress!.copyMemory(
                        from: $0.baseAddress! + copy * Limits.pageBytes, byteCount: Limits.pageBytes)
                }
                return Superblock(page.baseAddress!)
            }
            if let read, read.sequence >= newest?.sequence ?? 0 { newest = read }
        }
        let slot = newest?.snapshot?.slot ?? 0
        disks[i].snapshotSlot = slot
        return slot
    }

    /// Who has a batch of a slot on its disk, in its log or under its snapshot.
    package func holders(_ batch: BatchDescriptor, slot: UInt64) -> MemberSet {
        var set =
            holdings[Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence)]?.set ?? MemberSet()
        for i in disks.indices where snapshotSlot(i) >= slot || frail.contains(ReplicaID(i)) {
            set.insert(ReplicaID(i))
        }
        return set
    }

    /// The clients of a batch are answered, who wanted so many copies of it; 0: a quorum's.
    func answered(_ batch: BatchDescriptor, slot: UInt64, copies: Int = 0, by replica: ReplicaID) {
        acknowledged += 1
        let name = Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence)
        var set = holdings[name]?.set ?? MemberSet()
        func isQuorum(_ set: MemberSet) -> Bool {
            (quorums.isClassic(set) || quorums.isFast(set)) && set.count >= copies
        }
        if !isQuorum(set) { set = holders(batch, slot: slot) }
        referee.demand(
            isQuorum(set),
            "replica \(replica) answers the clients of batch \(batch.name) of slot \(slot), which lies on the disks of \(set) "
                + "alone" + (copies > 0 ? "; they wanted \(copies)" : ""))
        holdings[name, default: Holding()].slot = slot
    }
}
