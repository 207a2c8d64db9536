// One line on where a replica stands, for tests, traces and refusals.

extension Replica {
    package var account: String {
        var line =
            "\(role) ballot \(currentBallot) promise \(promise) commit \(commitIndex) noted \(noted) entries from \(oldestEntry) "
            + "voting \(votingBallot) run \(runFirst)…\(runDurable) next \(nextVote) voted \(highestVoted) "
            + "proposed \(proposedFirst == .max ? "?" : "\(proposedFirst)")…\(proposedLast)"
        if role == .sequencer {
            line += " reign \(sequencing.firstSlot)…\(sequencing.nextSlot) optimism \(sequencing.optimism)"
        }
        if role == .candidate || role == .learning {
            line += " promised \(candidacy.promised) to learn \(candidacy.commitIndex)"
        }
        if suspectedAt != nil { line += " suspects" }
        if let fatal { line += " fatal: \(fatal)" }
        for lane in 0..<members {
            line += " lane \(lane)"
            lanes.forEach(ReplicaID(lane)) { track in
                line += " \(track.generation):\(track.durable)/\(track.appended)/\(track.wanted)"
            }
        }
        return line
    }
}
