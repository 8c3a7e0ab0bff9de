/** One way to ask for text, whatever the model can do. */

import type { ChatMessage, EngineInfo, GenerateOptions, Paceline, Run, Session } from 'paceline';

/** Answers a conversation; a model without a chat template continues its last message instead. */
export function answer(
  sequence: Paceline | Session,
  info: EngineInfo,
  messages: ChatMessage[],
  options: GenerateOptions,
): Run {
  return info.hasChatTemplate
    ? sequence.chat(messages, options)
    : sequence.generate(messages.at(-1)?.content ?? '', options);
}
