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
        #expect(images.count == 3_000 * 4_001)
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
            #expect(images.count == model.count)
        }
        #expect(take(&images, .max) == model)
        #expect(images.count == 0 && images.addresses.isEmpty)
    }

    @Test func isGivenUpPieceByPiece() {
        var images = KeyValueImages()
        add(&images, [UInt8](repeating: 1, count: KeyValueImages.pieceBytes * 5 / 2))
        _ = take(&images, 100)
        #expect(images.removePiece())
        #expect(images.count == KeyValueImages.pieceBytes * 3 / 2)
        #expect(images.removePiece())
        #expect(!images.removePiece())
        #expect(images.count == 0)
        #expect(!images.removePiece())
        add(&images, [3, 4])
        #expect(take(&images, 9) == [3, 4])
    }
}
