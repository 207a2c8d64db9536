// Batches of the counter service in page-aligned buffers, one after the other.
import TriremeBench

struct CounterFrames {
    private let frames: [UnsafeMutableRawPointer]
    private var turn = 0

    init(count: Int = 64) {
        var load = CounterLoad(lane: 0, commandBytes: 64)
        var frames: [UnsafeMutableRawPointer] = []
        for _ in 0..<count { frames.append(HotPath.batch(from: &load)) }
        self.frames = frames
    }

    mutating func next() -> UnsafeMutableRawPointer {
        turn += 1
        return frames[turn % frames.count]
    }
}
