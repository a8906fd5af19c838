using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>What a check of a backup found.</summary>
public sealed record VerificationReport
{
    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>True when nothing that is in the manifest is missing or damaged.</summary>
    public bool IsValid => Findings.All(finding => !finding.IsError);

    /// <summary>Every byte was read.</summary>
    public bool Deep { get; init; }

    /// <summary>Segments checked.</summary>
    public int Segments { get; init; }

    /// <summary>Messages counted: by the manifest, or one by one when deep.</summary>
    public long Messages { get; init; }

    /// <summary>Bytes read from the store.</summary>
    public long BytesRead { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>What was found; empty is good.</summary>
    public required IReadOnlyList<VerificationFinding> Findings { get; init; }

    /// <summary>What trying the restore out showed; null where it was not tried.</summary>
    public DrillReport? Drill { get; init; }

    /// <summary>The manifest that was checked.</summary>
    public required BackupManifest Manifest { get; init; }
}
