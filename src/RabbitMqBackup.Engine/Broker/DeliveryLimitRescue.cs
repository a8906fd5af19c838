using System.Text;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Raises a queue's delivery limit by a user policy, or publishes messages again where that is not possible.</summary>
/// <param name="broker">The cluster.</param>
/// <param name="version">Its version.</param>
/// <param name="queue">The queue.</param>
/// <param name="canBeRaised">The limit does not come from a queue argument, which no policy overrides.</param>
/// <param name="time">The clock.</param>
internal sealed class DeliveryLimitRescue(BrokerOptions broker, Version version, QueueName queue, bool canBeRaised, TimeProvider time) : IDeliveryLimitRescue
{
    // The management API learns of a quorum queue's limit with its next statistics, after some 5 s.
    private static readonly TimeSpan InForceTimeout = TimeSpan.FromSeconds(40);

    /// <summary>Between the API's word and the queue's own state (measured: 1.5 s from the PUT are enough).</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1.5);

    private static readonly PropertyListEdit KeepUser = NewEdit(dropUserId: false);
    private static readonly PropertyListEdit DropUser = NewEdit(dropUserId: true);

    /// <summary>Why the limit could not be raised, for people; null where it was, or nobody tried.</summary>
    internal string? Refusal { get; private set; } = canBeRaised ? null : "the limit comes from the queue's argument x-delivery-limit, which no policy overrides";

    /// <inheritdoc/>
    public TimeSpan Patience => TimeSpan.FromSeconds(90);

    /// <inheritdoc/>
    public async Task<RaisedLimit?> RaiseAsync(long highestCount, CancellationToken cancellationToken)
    {
        if (!canBeRaised)
        {
            return null;
        }

        try
        {
            using ManagementClient management = new(broker);
            EffectivePolicy policies = new(await management.ListPoliciesAsync(queue.VirtualHost, cancellationToken).ConfigureAwait(false), []);
            QueueInfo? info = await management.GetQueueAsync(queue, cancellationToken).ConfigureAwait(false);
            PolicyRule? before = info is null ? policies.UserPolicy(queue, QueueTypes.Quorum) : policies.UserPolicy(info);
            // Twice as much: room for as many backups again, and still an end for a message that fails for ever.
            bool isNew = before is null || !BackupPolicy.IsOurs(before) || !(before.Definition.GetValueOrDefault(BackupPolicy.LimitKey) as long? > highestCount);
            PolicyRule raised = isNew ? BackupPolicy.Raise(queue, before, Math.Max(10, highestCount * 2)) : before!;
            if (isNew)
            {
                await management.PutPolicyAsync(raised, cancellationToken).ConfigureAwait(false);
            }

            if (await AwaitLimitAsync(management, highestCount, cancellationToken).ConfigureAwait(false) is { } limit)
            {
                return new RaisedLimit(raised.Name, limit, isNew);
            }

            // An operator policy, which can only lower: ours would stay without use.
            Refusal = $"another policy keeps the limit of '{queue}' below {highestCount + 1}";
            await (before is { } own && BackupPolicy.IsOurs(own)
                ? management.PutPolicyAsync(own, cancellationToken)
                : management.DeletePolicyAsync(queue.VirtualHost, raised.Name, cancellationToken)).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            Refusal = exception.Message.TrimEnd('.');
        }
        catch (OperationCanceledException)
        {
            Refusal = "the broker did not take the policy in time";
        }

        return null;
    }

    /// <inheritdoc/>
    public async Task<long?> LimitNowAsync(CancellationToken cancellationToken)
    {
        try
        {
            using ManagementClient management = new(broker);
            return await management.GetQueueAsync(queue, cancellationToken).ConfigureAwait(false) is { } info ? await LimitAsync(management, info, cancellationToken).ConfigureAwait(false) : null;
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> PropertiesOfCopy(EndangeredMessage message)
    {
        byte[] properties = message.Properties;
        bool isOwn = PropertyListReader.Find(properties, BasicProperty.UserId) is var user && (user.IsEmpty || user.SequenceEqual(Encoding.UTF8.GetBytes(broker.Credential.UserName)));
        PropertyListEdit edit = isOwn ? KeepUser : DropUser;
        byte[] buffer = new byte[edit.MaxLength(properties.Length)];
        return buffer.AsMemory(0, edit.Apply(properties, buffer));
    }

    private async Task<long?> LimitAsync(ManagementClient management, QueueInfo info, CancellationToken cancellationToken)
    {
        EffectivePolicy policies = await management.GetPoliciesAsync(cancellationToken).ConfigureAwait(false);
        return DeliveryLimit.Of(info with { DeliveryLimit = null, EffectivePolicy = policies.For(info) }, version).Value;
    }

    private async Task<long?> AwaitLimitAsync(ManagementClient management, long highestCount, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        while (time.GetElapsedTime(start) < InForceTimeout)
        {
            QueueInfo? info = await management.GetQueueAsync(queue, cancellationToken).ConfigureAwait(false);
            // What the queue says is some seconds old; the policies say at once what is to be.
            if (info is not null && (DeliveryLimit.Of(info, version).Value ?? long.MaxValue) is var limit && limit > highestCount
                && (await LimitAsync(management, info, cancellationToken).ConfigureAwait(false) ?? long.MaxValue) > highestCount)
            {
                await Task.Delay(Settling, time, cancellationToken).ConfigureAwait(false);
                return limit;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300), time, cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>What a broker refuses, or what would do more than the first publish did, as for a restore.</summary>
    private static PropertyListEdit NewEdit(bool dropUserId) => new()
    {
        DropUserId = dropUserId,
        DropHeaders = ["x-delivery-count", "x-acquired-count"],
        RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-original-cc" },
        DropEmptiedHeaders = true,
    };
}
