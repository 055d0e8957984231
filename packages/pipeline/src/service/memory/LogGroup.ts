/**
 * A consumer group of the log in memory: who of its members reads which partition.
 *
 * Each member that reads a topic gets every n-th partition of it, in the order in which the members came. When that changes,
 * the old owner is told, keeps the partition until its next poll, and loses it all the same after `handOverMs`.
 */
export interface PartitionName {
  readonly topic: string
  readonly partition: number
}

export interface Member<Owned extends PartitionName> {
  readonly topics: ReadonlySet<string>
  /** By `partitionName`. */
  readonly owned: Map<string, Owned>
  /** Names of owned partitions that it was told to give up: it does so at its next poll. */
  readonly told: Set<string>
  /** Partitions that were taken without asking and of which it has not been told yet. */
  lost: ReadonlyArray<PartitionName>
}

export interface Group<Owned extends PartitionName> {
  readonly members: Array<Member<Owned>>
  /** Milliseconds since the epoch at which the members last changed. */
  changedAt: number
}

export const partitionName = ({ partition, topic }: PartitionName): string => `${topic}:${partition}`

export const makeMember = <Owned extends PartitionName>(topics: ReadonlyArray<string>): Member<Owned> => ({
  topics: new Set(topics),
  owned: new Map(),
  told: new Set(),
  lost: []
})

/** Whether that partition is to be read by this member. */
export const belongsTo = <Owned extends PartitionName>(
  group: Group<Owned>,
  member: Member<Owned>,
  { partition, topic }: PartitionName
): boolean => {
  const readers = group.members.filter(({ topics }) => topics.has(topic))
  return readers[partition % readers.length] === member
}

export const ownerOf = <Owned extends PartitionName>(group: Group<Owned>, name: string): Member<Owned> | undefined =>
  group.members.find(({ owned }) => owned.has(name))

/** Takes partitions from a member without waiting for it; it will be told. */
export const takeAway = <Owned extends PartitionName>(
  member: Member<Owned>,
  wanted: (partition: PartitionName) => boolean
): void => {
  const taken = [...member.owned].filter(([, owned]) => wanted(owned))
  for (const [name] of taken) {
    member.owned.delete(name)
    member.told.delete(name)
  }
  member.lost = [...member.lost, ...taken.map(([, { partition, topic }]) => ({ partition, topic }))]
}

/** What a member has to be told about partitions that go, if anything; those it was told of before are given up. */
export const revoke = <Owned extends PartitionName>(
  group: Group<Owned>,
  member: Member<Owned>
): ReadonlyArray<PartitionName> => {
  const going = [...member.owned].filter(([name, owned]) => !member.told.has(name) && !belongsTo(group, member, owned))
  for (const [name] of going) member.told.add(name)
  const gone = member.lost
  member.lost = []
  return [...gone, ...going.map(([, { partition, topic }]) => ({ partition, topic }))]
}

/** Gives up what the member was told of by an earlier poll; whether there was something. */
export const giveUp = <Owned extends PartitionName>(member: Member<Owned>): boolean => {
  const had = member.told.size > 0
  for (const name of member.told) member.owned.delete(name)
  member.told.clear()
  return had
}
