// Old datagrams that come once more, long after they were sent, also when their sender has started anew (PROTOCOL §1).
import TriremeCore
import TriremeTransport

/// A few datagrams of the whole run, each kept until chance replaces it.
struct Archive {
    struct Kept {
        var index: UInt32
        var incarnation: Int
    }
    var kept: [Kept] = []
    static let capacity = 64
    /// One in so many is kept.
    static let oneIn: UInt64 = 32
}

extension Wire {
    func keep(_ index: UInt32, incarnation: Int) {
        guard random.below(Archive.oneIn) == 0 else { return }
        pool.hold(index)
        let item = Archive.Kept(index: index, incarnation: incarnation)
        guard archive!.kept.count >= Archive.capacity else {
            archive!.kept.append(item)
            return
        }
        let place = Int(random.below(UInt64(Archive.capacity)))
        pool.release(archive!.kept[place].index)
        archive!.kept[place] = item
    }

    /// Some of what is kept arrives again, at anybody but its sender.
    ///
    /// - Parameter incarnation: the present one of each replica.
    func replay(incarnation: (ReplicaID) -> Int) {
        guard let archive, !archive.kept.isEmpty, members > 1 else { return }
        for _ in 0...random.below(24) {
            let item = random.pick(archive.kept)
            let from = pool[item.index].from
            var to = Int(random.below(UInt64(members - 1)))
            if to >= from.index { to += 1 }
            counts.replayed += 1
            if item.incarnation < incarnation(from) { counts.replayedFormer += 1 }
            pool.hold(item.index)
            queue.schedule(
                WorldEvent(.delivery, at: queue.now + random.below(2_000_000), replica: to, index: item.index))
        }
    }
}
