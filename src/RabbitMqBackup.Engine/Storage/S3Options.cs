namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// How to use an S3 bucket. Without a key the credentials come from the environment, the shared profile, a web identity, the container's or the instance's role, as for every AWS tool.
/// </summary>
public sealed record S3Options
{
    /// <summary>Access key id; null for the default credentials.</summary>
    public string? AccessKey { get; init; }

    /// <summary>Secret key to <see cref="AccessKey"/>.</summary>
    public string? SecretKey { get; init; }

    /// <summary>Session token of temporary credentials.</summary>
    public string? SessionToken { get; init; }

    /// <summary>Name of a profile in the shared AWS files; not together with a key.</summary>
    public string? Profile { get; init; }

    /// <summary>Region, e.g. <c>eu-central-1</c>. Default: from the environment or the profile; with <see cref="Endpoint"/> <c>us-east-1</c>.</summary>
    public string? Region { get; init; }

    /// <summary>Base URI of a compatible server; null for Amazon.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Bucket in the path instead of the host name. Default: true with an <see cref="Endpoint"/>, else false.</summary>
    public bool? PathStyle { get; init; }

    /// <summary>For servers that know only the older S3: no additional checksums, and a look before each create-only put since they may ignore its condition. Default false.</summary>
    public bool Compatible { get; init; }

    /// <summary><c>AES256</c> or <c>aws:kms</c>. Default: the bucket's setting.</summary>
    public string? ServerSideEncryption { get; init; }

    /// <summary>Key for <c>aws:kms</c>. Default: the account's.</summary>
    public string? KmsKeyId { get; init; }

    /// <summary>Storage class, e.g. <c>STANDARD_IA</c>. Default: the bucket's. Not those that have to be thawed before they can be read.</summary>
    public string? StorageClass { get; init; }

    /// <summary><c>GOVERNANCE</c> or <c>COMPLIANCE</c>: what a backup is made of can't be deleted or replaced for <see cref="ObjectLockDays"/>. The bucket must have object lock. Default: none.</summary>
    public string? ObjectLockMode { get; init; }

    /// <summary>Days from the put; with <see cref="ObjectLockMode"/>.</summary>
    public int? ObjectLockDays { get; init; }

    /// <summary>What a backup is made of can't be deleted until the hold is lifted. Default false.</summary>
    public bool LegalHold { get; init; }

    /// <summary>Tags on every object. Default: none.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>Names none of the secrets.</summary>
    public override string ToString() => nameof(S3Options);

    /// <summary>These options completed by those of the store's URI, which give way.</summary>
    internal S3Options With(StoreUriOptions uri) => this with
    {
        Region = Region ?? uri.Text("region"),
        Endpoint = Endpoint ?? uri.Endpoint("endpoint"),
        PathStyle = PathStyle ?? uri.Switch("path_style"),
        Compatible = Compatible || (uri.Switch("s3_compatibility") ?? false),
        Profile = Profile ?? uri.Text("profile"),
        ServerSideEncryption = ServerSideEncryption ?? uri.Text("server_side_encryption"),
        KmsKeyId = KmsKeyId ?? uri.Text("kms_key_id"),
        StorageClass = StorageClass ?? uri.Text("storage_class"),
    };

    /// <summary>True where one service with one set of credentials is behind both.</summary>
    internal bool IsSameService(S3Options other) => (Endpoint, Region, AccessKey, SecretKey, Profile) == (other.Endpoint, other.Region, other.AccessKey, other.SecretKey, other.Profile);

    /// <exception cref="ArgumentException">Options that do not go together.</exception>
    internal S3Options Check()
    {
        string? complaint =
            AccessKey is null != SecretKey is null ? "An access key needs its secret key, and the other way round."
            : SessionToken is not null && AccessKey is null ? "A session token needs an access key."
            : Profile is not null && AccessKey is not null ? "Either a profile or an access key, not both."
            : ServerSideEncryption is not (null or "AES256" or "aws:kms") ? $"'{ServerSideEncryption}' is no server-side encryption; there are AES256 and aws:kms."
            : StorageClass is "GLACIER" or "DEEP_ARCHIVE" ? $"What is put into the storage class {StorageClass} can't be read, not even to list the backups: choose another, and let a lifecycle rule of the bucket archive old segments."
            : KmsKeyId is not null && ServerSideEncryption != "aws:kms" ? "A KMS key needs the server-side encryption aws:kms."
            : ObjectLockMode is not (null or "GOVERNANCE" or "COMPLIANCE") ? $"'{ObjectLockMode}' is no mode of object lock; there are GOVERNANCE and COMPLIANCE."
            : ObjectLockMode is null != ObjectLockDays is null || ObjectLockDays < 1 ? "Object lock needs a mode and a number of days of at least 1."
            : Tags.Count > 10 ? "S3 takes at most 10 tags."
            : null;
        return complaint is null ? this : throw new ArgumentException(complaint);
    }
}
