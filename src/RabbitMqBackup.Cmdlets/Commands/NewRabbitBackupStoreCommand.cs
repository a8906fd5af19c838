using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Security;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Describes where backups lie, and how to get there. Opens nothing, unless it is to be tested.</summary>
[Cmdlet(VerbsCommon.New, "RabbitBackupStore")]
[OutputType(typeof(BackupStore))]
public sealed class NewRabbitBackupStoreCommand : AsyncCmdlet
{
    /// <summary>A folder as PowerShell writes it, or a <c>file:</c>, <c>s3:</c>, <c>azblob:</c> or <c>gs:</c> URI.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Uri { get; set; } = "";

    /// <summary>S3: access key id and secret key. Azure: account and account key. Default: each cloud's own default credentials.</summary>
    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>S3: session token of temporary credentials.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? SessionToken { get; set; }

    /// <summary>S3: a profile of the shared AWS files.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Profile { get; set; }

    /// <summary>Azure: a shared access signature.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? SasToken { get; set; }

    /// <summary>Azure: a connection string.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? ConnectionString { get; set; }

    /// <summary>Google: the key file of a service account.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CredentialFile { get; set; }

    /// <summary>Base URI of the service, where it is not the cloud's own.</summary>
    [Parameter]
    [ValidateNotNull]
    public Uri? Endpoint { get; set; }

    /// <summary>S3: the region.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Region { get; set; }

    /// <summary>S3: the bucket stands in the path, not in the host name. Default: true with an endpoint.</summary>
    [Parameter]
    public SwitchParameter PathStyle { get; set; }

    /// <summary>S3: the server knows only the older S3.</summary>
    [Parameter]
    public SwitchParameter S3Compatibility { get; set; }

    /// <summary>S3: encryption at rest.</summary>
    [Parameter]
    [ValidateSet("AES256", "aws:kms", IgnoreCase = false)]
    public string? ServerSideEncryption { get; set; }

    /// <summary>S3: the key for <c>aws:kms</c>.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? KmsKeyId { get; set; }

    /// <summary>S3, Google: storage class of what is written.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StorageClass { get; set; }

    /// <summary>S3: mode of object lock of what a backup is made of.</summary>
    [Parameter]
    [ValidateSet("GOVERNANCE", "COMPLIANCE", IgnoreCase = false)]
    public string? ObjectLockMode { get; set; }

    /// <summary>S3: days of object lock.</summary>
    [Parameter]
    [ValidateRange(1, 36500)]
    public int? ObjectLockDays { get; set; }

    /// <summary>S3, Azure: a legal hold on what a backup is made of.</summary>
    [Parameter]
    public SwitchParameter LegalHold { get; set; }

    /// <summary>S3: tags of what is written.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Hashtable? Tag { get; set; }

    /// <summary>Azure: access tier of what is written.</summary>
    [Parameter]
    [ValidateSet("Hot", "Cool", "Cold")]
    public string? AccessTier { get; set; }

    /// <summary>Azure: days for which what a backup is made of can't be changed or deleted.</summary>
    [Parameter]
    [ValidateRange(1, 36500)]
    public int? ImmutabilityDays { get; set; }

    /// <summary>Azure: the immutability can't be shortened or lifted.</summary>
    [Parameter]
    public SwitchParameter ImmutabilityLocked { get; set; }

    /// <summary>The most that goes into and out of the store in a second.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long? MaxBytesPerSecond { get; set; }

    /// <summary>Attempts of a request that fails in a way that may pass. Default: 10.</summary>
    [Parameter]
    [ValidateRange(1, 1000)]
    public int? MaxAttempts { get; set; }

    /// <summary>Seconds for one request. Default: 100.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int? RequestTimeoutSec { get; set; }

    /// <summary>Tries writing, reading, conditions, listing and deleting with an object of its own.</summary>
    [Parameter]
    public SwitchParameter Test { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        StoreParameters kind = StoreParameters.For(Uri);
        kind.RefuseOthers(MyInvocation.BoundParameters.Keys);
        BackupStoreOptions defaults = new() { Uri = StoreLocation.Resolve(Uri, SessionState.Path) };
        BackupStore store = BackupStore.Create(defaults with
        {
            S3 = kind == StoreParameters.S3 ? S3() : null,
            AzureBlob = kind == StoreParameters.AzureBlob ? Azure() : null,
            Gcs = kind == StoreParameters.Gcs ? Google() : null,
            Retry = defaults.Retry with { MaxAttempts = MaxAttempts ?? defaults.Retry.MaxAttempts },
            RequestTimeout = RequestTimeoutSec is { } seconds ? TimeSpan.FromSeconds(seconds) : defaults.RequestTimeout,
            MaxBytesPerSecond = MaxBytesPerSecond,
        });
        if (Test)
        {
            Probe(store);
        }

        WriteObject(store);
    }

    private void Probe(BackupStore store)
    {
        IReadOnlyList<StoreProbeStep> steps = Run(token => StoreProbe.RunAsync(store, token));
        foreach (StoreProbeStep step in steps)
        {
            WriteVerbose($"{store}: {step.Name}: {(step.Passed ? "works" : step.Message)}");
            if (step is { Passed: false, IsRequired: false })
            {
                WriteWarning(step.Message);
            }
        }

        if (StoreProbe.Verdict(store, steps) is { } failure)
        {
            throw failure;
        }
    }

    private S3Options S3() => new()
    {
        AccessKey = Credential?.UserName,
        SecretKey = Credential?.GetNetworkCredential().Password,
        SessionToken = Plain(SessionToken),
        Profile = Profile,
        Region = Region,
        Endpoint = Endpoint,
        PathStyle = IsBound(nameof(PathStyle)) ? PathStyle : null,
        Compatible = S3Compatibility,
        ServerSideEncryption = ServerSideEncryption,
        KmsKeyId = KmsKeyId,
        StorageClass = StorageClass,
        ObjectLockMode = ObjectLockMode,
        ObjectLockDays = ObjectLockDays,
        LegalHold = LegalHold,
        Tags = Tag?.Cast<DictionaryEntry>().ToDictionary(tag => Text(tag.Key), tag => Text(tag.Value)) ?? [],
    };

    private AzureBlobOptions Azure() => new()
    {
        AccountName = Credential?.UserName,
        AccountKey = Credential?.GetNetworkCredential().Password,
        SasToken = Plain(SasToken),
        ConnectionString = Plain(ConnectionString),
        Endpoint = Endpoint,
        AccessTier = AccessTier,
        ImmutabilityDays = ImmutabilityDays,
        ImmutabilityLocked = ImmutabilityLocked,
        LegalHold = LegalHold,
    };

    private GcsOptions Google() => new()
    {
        CredentialFile = CredentialFile is null ? null : FilePath.Full(CredentialFile, SessionState.Path),
        Endpoint = Endpoint,
        StorageClass = StorageClass,
    };

    private bool IsBound(string name) => MyInvocation.BoundParameters.ContainsKey(name);

    private static string? Plain(SecureString? secret) => secret is null ? null : new System.Net.NetworkCredential("", secret).Password;

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
