// One visitor of a variant from several lambdas (the pattern of std::visit's own documentation).
#pragma once

namespace haven {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace haven
