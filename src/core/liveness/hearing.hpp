// Whom this host hears. One per havend; it lives in the heartbeat thread, apart from the brain, and in the simulated
// machine. It composes packets, takes packets, and says so when what it hears has changed.
//
// A packet counts as of the moment when the number that it echoes was sent, by this host's own clock (S1): what waited
// in a socket while either host hung echoes an old number and is as old as that. An echo needs the way there and the
// way back, so a link that carries one way only is silent at both ends. A link is heard until `suspect` after that
// moment; an observer whose own turn comes late gives everybody that much longer (S4).
//
// Rejected: to count packets as of their arrival. A host that wakes up would hear the dead.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "core/liveness/heartbeat.hpp"
#include "core/model/event.hpp"
#include "core/model/spec.hpp"

namespace haven {

// Who takes part: the hosts of the file in its order, then the witness, who has one link; this host among them.
struct PeerRoster {
  struct Member {
    HostName name;
    std::size_t links = 1;
    friend bool operator==(const Member&, const Member&) = default;
  };
  std::vector<Member> members;
  Duration heartbeat = 100ms;
  Duration suspect = 500ms;
  friend bool operator==(const PeerRoster&, const PeerRoster&) = default;
};
[[nodiscard]] PeerRoster roster_of(const Spec& spec);

// What became of a packet.
enum class Taken {
  counted,
  silent,    // it proves nothing new: its echo is old or missing, or its sender's brain stands still
  refused,   // an old number, or one that this host cannot have sent: a replay
  stranger,  // not between two members of the roster, or not over a link that both have
};

class Hearing {
 public:
  Hearing(HostName self, const Incarnation& boot);

  // Keeps what is known of those who stay. A host that is not in the roster itself hears nobody.
  void take_roster(const PeerRoster& roster, Instant now);
  [[nodiscard]] const PeerRoster& roster() const { return roster_; }
  void take_brain(const Brain& brain) { brain_ = brain; }

  // To be called at wake_at() and as often as one likes. True: a round of packets is to be sent now: compose() for
  // each other member and each link that both have.
  [[nodiscard]] bool turn(Instant now);
  [[nodiscard]] Instant wake_at() const { return wake_; }
  [[nodiscard]] std::size_t members() const { return peers_.size(); }
  // Links that this host shares with the member; 0 for itself.
  [[nodiscard]] std::size_t links_to(std::size_t member) const { return peers_[member].links; }
  [[nodiscard]] Heartbeat compose(std::size_t member, std::size_t link) const;

  Taken take(const Heartbeat& packet, Instant now);
  // The member's machine answered that nobody listens there: it lives, and its havend does not.
  void take_refusal(std::size_t member, Instant now);

  // What is heard now, if that is not what was said last.
  [[nodiscard]] std::optional<PeersHeard> news();

  // For the simulator, while nothing changes anywhere: as if `time` had passed with everybody sending as before.
  void skip(Duration time);

 private:
  struct Link {
    std::optional<Instant> sent;   // the highest number taken, in the peer's clock
    std::optional<Instant> as_of;  // when it was last heard, in ours
    bool heard = false;
  };
  // What is known of one boot of a peer.
  struct Boot {
    BootDigest tag;  // none: nothing
    std::array<Link, kMaxLinks> links;
    Instant came;                    // its latest packet
    std::optional<Instant> content;  // the number of the packet that brain and opinions are from
    Brain brain;
    std::vector<HeardPeer> heard;
    [[nodiscard]] std::optional<Instant> as_of() const;
  };
  struct Peer {
    HostDigest tag;
    std::size_t links = 0;  // as many as both have
    Boot boot;
    Boot other;  // a packet names another boot, and nothing has shown yet that it is the present one
    std::optional<Instant> refused;
    bool shut = false;
    [[nodiscard]] bool heard() const;
  };

  void forgive(Instant now);
  void look(Instant now);
  void set_wake();
  void changed(Instant now);
  [[nodiscard]] const Boot& echoed(const Peer& peer) const;
  void take_content(Boot& boot, const Heartbeat& packet);

  HostName self_;
  HostDigest self_tag_;
  BootDigest boot_;
  std::size_t self_index_ = 0;
  bool member_ = false;
  PeerRoster roster_;
  Brain brain_;
  std::vector<Peer> peers_;  // by member
  std::map<HostDigest, std::size_t> index_;
  std::optional<Instant> round_;  // when the last round of packets was composed; their number
  Instant next_round_ = kNever;
  Instant wake_ = kNever;
  bool news_ = true;
};

}  // namespace haven
