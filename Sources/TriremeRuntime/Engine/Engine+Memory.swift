// A batch waits in memory between its arrival and its execution, and memory flips (RELIABILITY): what is executed, written anew, or
// given to another replica is compared once more with the checksum that its owner computed.
import CTrireme
import TriremeCore

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Whether a buffer still holds what its batch's name stands for. If not, this replica ends: its memory is not to be trusted,
    /// and what its log holds was written from it earlier. Cost: one pass over the payload.
    mutating func isStillWhole(_ batch: BatchDescriptor, in buffer: UInt32) -> Bool {
        guard trm_crc32c(0, pool.payload(buffer), Int(batch.payloadBytes)) != batch.payloadChecksum else { return true }
        failure = EngineFailure(
            "memory: the bytes of lane \(batch.lane), generation \(batch.generation), sequence \(batch.sequence) changed while they "
                + "lay in memory; they were neither executed nor given to others; test this machine's memory, then start the replica again"
        )
        return false
    }
}
