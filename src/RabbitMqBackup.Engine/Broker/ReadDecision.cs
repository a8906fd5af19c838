namespace RabbitMqBackup.Engine.Broker;

/// <summary>What <see cref="ReadSafety"/> decided for one queue.</summary>
internal sealed record ReadDecision
{
    /// <summary>How safe a read is.</summary>
    public required ReadVerdict Verdict { get; init; }

    /// <summary>Why, for people; empty for a plain safe queue.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>How to read it; null where no way of reading exists, with or without force, and for streams, which have a reader of their own.</summary>
    public ReadPlan? Plan { get; init; }

    /// <summary>The code of the skip when it is not read: <see cref="ErrorCode.QueueAtRisk"/>, <see cref="ErrorCode.QueueInUse"/> or <see cref="ErrorCode.QueueUnavailable"/>; null when it is safe enough.</summary>
    public ErrorCode? SkipCode { get; init; }

    /// <summary>It is unsafe, but can be read by someone who takes the risk (-Force).</summary>
    public bool CanForce => SkipCode is not null && Plan is not null;
}
