using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Accounts for one read, in words for people and codes for scripts: what is missing and why, and what became of the queue.</summary>
internal sealed class ReadAccount(ReadPlan plan, QueueReadResult? read, RabbitBackupException? failure)
{
    /// <summary>Why a read ended whose consumer the broker cancelled.</summary>
    internal const string Cancelled = "The broker cancelled the reader, as when a queue is deleted, its node goes down or its leader changes.";

    /// <summary>Why what a read brought can't be counted on.</summary>
    internal const string Twice = "The broker lost sight of the reader's node, took back what had been read, and delivered it once more: messages came twice, and perhaps others not at all.";

    /// <summary>Why a queue that was fetched message by message can't be the one that it was; null where it can.</summary>
    internal static string? Replaced(QueueReadResult? read) => read is { Missing: > 0, ConsumersBefore: 0, ConsumersAfter: 0, MayHaveShrunk: false, OthersTake: false }
        ? $"{read.Missing} of the messages that were held did not come back: the queue was deleted and made anew, or purged, while it was read."
        : null;

    /// <summary>What an incomplete read failed of.</summary>
    internal ErrorCode Code => failure?.Code ?? read!.Stop switch
    {
        ReadStop.HoldTime => ErrorCode.OperationTimedOut,
        ReadStop.BrokerInAlarm => ErrorCode.BrokerInAlarm,
        ReadStop.Stalled => ErrorCode.QueueInUse,
        ReadStop.OthersAtWork => ErrorCode.QueueInUse,
        ReadStop.ConsumerCancelled or ReadStop.CameTwice => ErrorCode.QueueUnavailable,
        _ => ErrorCode.QueueAtRisk,
    };

    /// <summary>The gap of so many messages; null where none is missing.</summary>
    /// <param name="missing">Depth without what was captured.</param>
    /// <param name="hasUnmatched">Segments of an earlier attempt go beyond what was read now.</param>
    internal GapEntry? Gap(long missing, bool hasUnmatched) => read?.Stop == ReadStop.CameTwice ? new GapEntry(null, nameof(ReadStop.CameTwice), Twice)
        : missing <= 0 && hasUnmatched && failure is null
        ? new GapEntry(null, read!.Stop.ToString(), $"{Reason(read)} Segments of an earlier attempt beyond it were kept as they are.")
        : missing <= 0 ? null
        : failure is not null ? new GapEntry(missing, failure.Code.ToString(), failure.Message)
        : !IsToItsEnd ? new GapEntry(missing, read!.Stop.ToString(), Reason(read))
        : read is { ConsumersBefore: 0, ConsumersAfter: 0 } ? new GapEntry(missing, "LeftTheQueue", "These messages left the queue before they were read, and no consumer was seen at it: it was purged, they expired, or they were fetched one by one.")
        : new GapEntry(missing, "TakenByConsumers", Reason(read!));

    /// <summary>What the queue had when the read ended is captured.</summary>
    internal bool IsToItsEnd => read is not null && (read.Stop == ReadStop.Drained || (read.Stop != ReadStop.OthersAtWork && read.Delivered >= read.Depth));

    /// <summary>What the queue's owner should know; usually nothing.</summary>
    /// <param name="rescued">What was done about messages at the delivery limit, or null.</param>
    /// <param name="refusal">Why the limit could not be raised, or null.</param>
    internal IReadOnlyList<string> Notes(RescueOutcome? rescued, string? refusal)
    {
        List<string> notes = [];
        if (rescued?.Raised is { IsNew: true } raised)
        {
            string reached = rescued.LoweredTo is { } lowered
                ? $"Its delivery limit was lowered to {lowered} while messages were held that had been given back {read?.HighestDeliveryCount ?? 0} times at most, and"
                : $"{rescued.Endangered} message(s) had reached its delivery limit of {plan.DeliveryLimit} and";
            notes.Add(
                $"{reached} would have been lost when they were given back. The policy '{raised.Policy}' now sets the limit " +
                $"to {raised.Limit?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}. It stays: without it those messages are lost the next time they are given back. Remove-RabbitBackupPolicy removes it.");
        }

        if (rescued is { LoweredTo: { } limit, Raised: null })
        {
            notes.Add(
                $"Its delivery limit was lowered to {limit} while messages were held, and {refusal ?? "it could not be raised"}: those that had been given back so often are dropped or dead-lettered. They are in this backup.");
        }

        if (rescued is not null)
        {
            notes.AddRange(rescued.PublishedAgain.Select(message =>
                $"{message.Name} had reached the delivery limit of {plan.DeliveryLimit}, and {refusal ?? "the limit could not be raised"}: it was published again, so it is at the end of the queue now."));
            notes.AddRange(rescued.Lost.Select(message =>
                $"{message.Name} had reached the delivery limit of {plan.DeliveryLimit}; {refusal ?? "the limit could not be raised"}, and the broker did not confirm a copy: the queue drops or dead-letters it. It is in this backup."));
        }

        if (read is { PerhapsMissed: > 0 and var left })
        {
            notes.Add(
                $"Messages that came, or came back, while it was read kept being delivered before others. {left} message(s) were ready when the read ended: whether some of them had been there when it began can't be told.");
        }

        if (read is { Prioritized: > 0 and var prioritized })
        {
            notes.Add($"{prioritized} of the messages that were read have a priority. A quorum queue delivers what it was given back before what is published from then on, also before what is more urgent: so it is until those that were read are consumed.");
        }

        if (plan.MaxConsumers == 1 && read is { Delivered: > 0, ConsumersBefore: 0, ConsumersAfter: > 0 })
        {
            notes.Add("A consumer came while it was read, and became the single active one when the read ended: what was published meanwhile it may have got before the messages that were held.");
        }

        if (read is { OrderKept: false })
        {
            notes.Add(read.Delivered == 1
                ? "The message that was read had been given back before. If others behind it had been as well, it lies behind those now; that was not looked at, since each look costs a delivery."
                : "The read ended among messages that had been given back before, and what follows them was not seen. If more of them do, those that were read lie behind these now.");
        }

        if (read is { Missing: > 0 and var missing })
        {
            string taken = read.ConsumersBefore > 0 || read.ConsumersAfter > 0 ? "its consumers were quicker" : read.OthersTake ? "others fetched them, or their time ran out" : "their time ran out, or the queue is full";
            notes.Add($"{missing} of the messages that were held were not seen to come back: {taken}, or it was deleted and made anew while it was read, of which a read with basic.get is not told.");
        }
        else if (read is { AllReturned: false, ConsumersAfter: 0, Stop: not ReadStop.CameTwice } && rescued is not { LoweredTo: not null, Raised: null })
        {
            notes.Add($"{read.ReadyAfter} message(s) are ready after the read: fewer than were held. Those whose time to live ran out meanwhile expired when they were given back, and where the queue's length is limited the oldest went{(plan.Release == QueueReleaseMethod.Nack ? "; a delayed retry that was set meanwhile hides them until its time is over" : "")}.");
        }

        return notes;
    }

    private string Reason(QueueReadResult result) => result.Stop switch
    {
        ReadStop.Drained or ReadStop.DepthReached => "Consumers of the application took these messages before they were read, or they expired.",
        ReadStop.OthersAtWork => "Other consumers came to the queue just when the read began.",
        ReadStop.CapacityReached => plan.MaxConsumers == 1 ? "A queue with a single active consumer gives one reader 65,535 messages at most." : "The queue is deeper than one reader can hold without losing its order.",
        ReadStop.Stalled => "Messages are ready, but the broker delivers none of them: another consumer is the single active one, or others have a higher priority.",
        ReadStop.ConsumerCancelled => Cancelled,
        ReadStop.CameTwice => Twice,
        ReadStop.DeliveryLimit when plan.ReleaseCounts =>
            $"A message had been given back {result.HighestDeliveryCount} times: at {plan.StopAtDeliveryCount} reading stops, to leave the rest of the limit of {plan.DeliveryLimit} for the application's own retries. -Force reads on.",
        ReadStop.DeliveryLimit when plan.IsRepeated =>
            $"The connection broke while it was read, which counts as a delivery, and a message had been given back {result.HighestDeliveryCount ?? 0} times then: at {plan.StopAtDeliveryCount} it is not read again, to leave the rest of the limit of {plan.DeliveryLimit} for the application's own retries.",
        ReadStop.DeliveryLimit =>
            $"A message is at the delivery limit of {plan.DeliveryLimit}: it would be lost if the backup died while it holds it. -Force reads on.",
        ReadStop.HoldTime => $"Messages may be held for {plan.MaxHold!.Value.TotalSeconds:0} s; the rest was not reached in that time.",
        ReadStop.BrokerInAlarm => $"The read was ended to spare the broker. {result.StopReason}",
        _ => "The read ended before the depth at its start.",
    };
}
