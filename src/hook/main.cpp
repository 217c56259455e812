// The libvirt hook: called by libvirtd as NAME OP SUBOP EXTRA with the domain's XML on its standard input, before a
// domain starts. Exit 0 lets libvirt go on; 1 stops it, and libvirt shows what stands on standard error.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "adapter/libvirt/domain_links.hpp"
#include "adapter/libvirt/domain_xml.hpp"
#include "hook/gate.hpp"
#include "hook/paths.hpp"

namespace {

using namespace haven;
using Clock = std::chrono::steady_clock;

// libvirtd waits for the hook with the domain locked; havend answers within 1.5 s (hook/server.hpp).
constexpr std::chrono::milliseconds kDeadline{2000};

// Nothing: no end, or more than any domain XML, by the deadline.
std::optional<std::string> read_input(Clock::time_point deadline) {
  std::string text;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return std::nullopt;
    char buffer[16384];
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count == 0) return text;
    if (count < 0 || text.size() > libvirt::kMaxXmlBytes) return std::nullopt;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

hook::Reply judge(hook::Op op) {
  const auto deadline = Clock::now() + kDeadline;
  const auto list = hook::read_protected({hook::kProtectedThisBoot, hook::kProtectedForGood});
  std::optional<std::string> uuid;
  bool unlinked = false;
  if (const auto xml = read_input(deadline)) {
    if (auto parsed = libvirt::parse_domain_uuid(*xml)) uuid = std::move(*parsed);
    const auto linked = libvirt::any_link_up(*xml);
    unlinked = linked && !*linked;
  }
  std::optional<hook::Reply> havend;
  if (uuid) havend = hook::ask(hook::kSocket, {*uuid, op, unlinked}, deadline);
  return hook::decide(op, uuid, list, havend);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: haven-hook NAME OP SUBOP EXTRA < DOMAIN.xml (libvirtd calls it so)\n");
    return 2;
  }
  const auto op = hook::gated(argv[2], argv[3]);
  if (!op) return 0;
  const auto reply = judge(*op);
  if (reply.allow) return 0;
  std::fprintf(stderr, "haven: %s is not started: %s\n", argv[1], reply.reason.c_str());
  return 1;
}
