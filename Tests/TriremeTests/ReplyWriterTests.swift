// One reply for each command, none where nobody waits.
import Testing
import Trireme

@Suite struct ReplyWriterTests {
    /// The replies of the batch at `range`.
    func replies(_ writer: borrowing ReplyWriter, _ range: Range<Int>, count: Int) -> [[UInt8]] {
        writer.withBytes { bytes in
            var replies = Replies(UnsafeRawBufferPointer(rebasing: bytes[range]))
            return (0..<count).map { _ in Array(replies.next()) }
        }
    }

    @Test func wholeAndPieces() {
        var writer = ReplyWriter(capacity: 1)
        writer.beginBatch(count: 5, isWanted: true)
        writer.write("+OK\r\n")
        writer.append("$")
        writer.append(decimal: -120)
        writer.append(UInt16(0x4241))
        writer.finish()
        writer.finish()
        let bytes: [UInt8] = [1, 2, 3]
        writer.write(bytes.span.bytes)
        let range = writer.endBatch()
        #expect(
            replies(writer, range, count: 5) == [
                Array("+OK\r\n".utf8), Array("$-120AB".utf8), [], [1, 2, 3], [],
            ])
        #expect(range.upperBound % 4 == 0)
    }

    @Test(arguments: [Int64.min, -10, -1, 0, 9, 10, Int64.max]) func decimals(_ value: Int64) {
        var writer = ReplyWriter()
        writer.beginBatch(count: 1, isWanted: true)
        writer.append(decimal: value)
        writer.finish()
        let range = writer.endBatch()
        #expect(replies(writer, range, count: 1) == [Array("\(value)".utf8)])
    }

    @Test func otherLanesStoreNothing() {
        var writer = ReplyWriter()
        writer.beginBatch(count: 2, isWanted: false)
        writer.write("one")
        writer.append(decimal: 5)
        writer.append(UInt64(1))
        writer.finish()
        // A third reply would trap if the writer counted.
        writer.finish()
        #expect(writer.isWanted == false)
        #expect(writer.endBatch().isEmpty)
        #expect(writer.byteCount == 0)
    }

    @Test func severalBatchesShareTheBuffer() {
        var writer = ReplyWriter(capacity: 1)
        var expected: [[UInt8]] = []
        var ranges: [Range<Int>] = []
        for round in 0..<50 {
            let reply = [UInt8](repeating: UInt8(round), count: round * 13 % 97)
            writer.beginBatch(count: 1, isWanted: true)
            writer.write(reply.span.bytes)
            ranges.append(writer.endBatch())
            expected.append(reply)
        }
        for (range, reply) in zip(ranges, expected) { #expect(replies(writer, range, count: 1) == [reply]) }
        writer.removeAll()
        #expect(writer.byteCount == 0)
    }

    @Test func anUnfinishedReplyIsDropped() {
        var writer = ReplyWriter()
        writer.beginBatch(count: 2, isWanted: true)
        writer.write("a")
        writer.append("half")
        let first = writer.endBatch()
        writer.beginBatch(count: 1, isWanted: true)
        writer.write("b")
        let second = writer.endBatch()
        #expect(replies(writer, first, count: 2) == [Array("a".utf8), []])
        #expect(replies(writer, second, count: 1) == [Array("b".utf8)])
    }
}
