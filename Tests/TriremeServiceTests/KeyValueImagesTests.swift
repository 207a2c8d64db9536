// The queue of old images: nothing that lies in it moves, however long it grows, and its memory comes back piece by piece.
import Testing
import TriremeService

@Suite struct KeyValueImagesTests {
    private func add(_ images: inout KeyValueImages, _ bytes: [UInt8]) { bytes.withUnsafeBytes { images.append($0) } }
    private func take(_ images: inout KeyValueImages, _ limit: Int) -> [UInt8] {
        var all: [UInt8] = []
        images.take(limit) { all.append(contentsOf: $0) }
        return all
    }

    @Test func nothingMovesWhileItGrows() {
        var images = KeyValueImages()
        var before: [UnsafeRawPointer] = []
        for _ in 0..<3_000 {
            add(&images, [UInt8](repeating: 7, count: 4_001))
            let now = images.addresses
            #expect(Array(now.prefix(before.count)) == before)
            before = now
        }
        let count = images.count
        #expect(count == 3_000 * 4_001)
        #expect(before.count == (3_000 * 4_001 + KeyValueImages.pieceBytes - 1) / KeyValueImages.pieceBytes)
    }

    /// Bytes come out as they went in, over the borders of pieces, and the first piece is used again.
    @Test func isAQueue() {
        var images = KeyValueImages()
        var model: [UInt8] = []
        var random = Xorshift(state: 99)
        var next: UInt8 = 0
        for _ in 0..<400 {
            let count = Int(random.next() % 30_000)
            let bytes = (0..<count).map { _ -> UInt8 in
                next &+= 7
                return next
            }
            add(&images, bytes)
            model += bytes
            let limit = Int(random.next() % 33_000)
            let taken = take(&images, limit)
            #expect(taken == Array(model.prefix(limit)))
            model.removeFirst(taken.count)
            let left = images.count
            #expect(left == model.count)
        }
        let rest = take(&images, .max)
        #expect(rest == model)
        let (count, pieces) = (images.count, images.addresses.count)
        #expect(count == 0 && pieces == 0)
    }

    @Test func isGivenUpPieceByPiece() {
        var images = KeyValueImages()
        add(&images, [UInt8](repeating: 1, count: KeyValueImages.pieceBytes * 5 / 2))
        _ = take(&images, 100)
        var left: [Int] = []
        var more: [Bool] = []
        for _ in 0..<4 {
            more.append(images.removePiece())
            left.append(images.count)
        }
        #expect(more == [true, true, false, false])
        #expect(left == [KeyValueImages.pieceBytes * 3 / 2, KeyValueImages.pieceBytes / 2, 0, 0])
        add(&images, [3, 4])
        let again = take(&images, 9)
        #expect(again == [3, 4])
    }
}
