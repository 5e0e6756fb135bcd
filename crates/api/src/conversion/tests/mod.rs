mod criticality;
mod examples;
mod properties;
mod random;
mod review;
