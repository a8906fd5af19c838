namespace RabbitMqBackup.Engine.Broker;

/// <summary>What <see cref="ReadSafety"/> decided for one queue.</summary>
internal sealed record ReadDecision
{
    /// <summary>How safe a read is.</summary>
    public required ReadVerdict Verdict { get; init; }

    /// <summary>Why, for people; empty for a plain safe queue.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }

    /// <summary>How to read it; null where no way of reading exists, with or without force.</summary>
    public ReadPlan? Plan { get; init; }

    /// <summary>The code of the skip when it is not read: <see cref="ErrorCode.QueueAtRisk"/> or <see cref="ErrorCode.QueueInUse"/>; null when it is safe enough.</summary>
    public ErrorCode? SkipCode { get; init; }
}
