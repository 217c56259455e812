#include "hook/protocol.hpp"

#include <algorithm>

namespace haven::hook {
namespace {

constexpr std::string_view kUnlinked = " unlinked";

}  // namespace

std::string_view spelled(Op op) {
  switch (op) {
    case Op::prepare:
      return "prepare";
    case Op::start:
      return "start";
    case Op::migrate:
      return "migrate";
  }
  return {};
}

std::optional<Op> parse_op(std::string_view text) {
  for (const Op op : {Op::prepare, Op::start, Op::migrate})
    if (text == spelled(op)) return op;
  return std::nullopt;
}

std::string format(const Question& question) {
  return "start " + question.uuid + " " + std::string(spelled(question.op)) +
         (question.unlinked ? std::string(kUnlinked) : "") + "\n";
}

std::string format(const Reply& reply) {
  if (reply.allow) return "yes\n";
  std::string line = "no " + (reply.reason.empty() ? std::string("without a reason") : reply.reason);
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < ' '; }, ' ');
  line.resize(std::min(line.size(), kMaxLineBytes - 1));
  return line + "\n";
}

std::optional<Question> parse_question(std::string_view line) {
  constexpr std::string_view verb = "start ";
  constexpr std::size_t uuid_length = 36;
  if (line.size() > kMaxLineBytes || !line.starts_with(verb)) return std::nullopt;
  line.remove_prefix(verb.size());
  if (line.size() < uuid_length + 2 || line[uuid_length] != ' ') return std::nullopt;
  const std::string_view uuid = line.substr(0, uuid_length);
  const auto fits = [](char c) { return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::string_view rest = line.substr(uuid_length + 1);
  const bool unlinked = rest.ends_with(kUnlinked);
  if (unlinked) rest.remove_suffix(kUnlinked.size());
  const auto op = parse_op(rest);
  if (!op || !std::ranges::all_of(uuid, fits)) return std::nullopt;
  return Question{std::string(uuid), *op, unlinked};
}

std::optional<Reply> parse_reply(std::string_view line) {
  constexpr std::string_view no = "no ";
  if (line == "yes") return Reply{true, {}};
  if (line.size() > kMaxLineBytes || !line.starts_with(no) || line.size() == no.size()) return std::nullopt;
  return Reply{false, std::string(line.substr(no.size()))};
}

}  // namespace haven::hook
