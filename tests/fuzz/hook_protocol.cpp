// What libvirt's hook and havend say to each other (src/hook): lines of any bytes, the list of protected domains of any
// bytes, and the gate's verdict from both, closed in doubt (C5).
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.hpp"
#include "hook/gate.hpp"
#include "hook/protected_list.hpp"
#include "hook/protocol.hpp"

namespace haven::hook {
namespace {

void expect_lines(std::string_view line) {
  if (const auto question = parse_question(line)) {
    const std::string text = format(*question);
    FUZZ_EXPECT(text.size() <= kMaxLineBytes && text.back() == '\n');
    FUZZ_EXPECT(parse_question(std::string_view(text).substr(0, text.size() - 1)) == question);
    FUZZ_EXPECT(parse_op(spelled(question->op)) == question->op);
  }
  if (const auto reply = parse_reply(line)) {
    const std::string text = format(*reply);
    FUZZ_EXPECT(text.size() <= kMaxLineBytes && text.find('\n') == text.size() - 1);
    const auto again = parse_reply(std::string_view(text).substr(0, text.size() - 1));
    FUZZ_EXPECT(again && again->allow == reply->allow);
  }
}

ProtectedList list_of(std::string_view bytes) {
  const int file = ::memfd_create("protected", MFD_CLOEXEC);
  FUZZ_EXPECT(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const auto list = read_protected({"/proc/self/fd/" + std::to_string(file)});
  ::close(file);
  FUZZ_EXPECT(list.exists);
  return list;
}

void expect_gate(std::string_view line, const ProtectedList& list) {
  const auto question = parse_question(line);
  const auto reply = parse_reply(line);
  for (const Op op : {Op::prepare, Op::start, Op::migrate}) {
    const std::optional<std::string> uuid = question ? std::optional(question->uuid) : std::nullopt;
    const Reply verdict = decide(op, uuid, list, reply);
    const bool listed = uuid && list.names(*uuid);
    if (listed && op == Op::migrate) FUZZ_EXPECT(!verdict.allow);
    if (reply && !reply->allow && uuid) FUZZ_EXPECT(!verdict.allow);
    if (!uuid) FUZZ_EXPECT(!verdict.allow);  // a list exists
    if (!reply && (listed || list.garbled)) FUZZ_EXPECT(!verdict.allow);
    FUZZ_EXPECT(verdict.allow || !verdict.reason.empty());
  }
}

}  // namespace
}  // namespace haven::hook

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [line, rest] = haven::fuzz::split_line(haven::fuzz::text_of(data, size));
  haven::hook::expect_lines(line);
  const auto [second, bytes] = haven::fuzz::split_line(rest);
  (void)haven::hook::gated(line, second);
  const auto list = haven::hook::list_of(rest);
  haven::hook::expect_gate(line, list);
  return 0;
}
